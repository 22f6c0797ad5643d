"""A client by openapi-python-client signs up, creates, edits and lists."""

import json
import sys

from by_openapi_python_client import AuthenticatedClient, Client
from by_openapi_python_client.api.auth import login
from by_openapi_python_client.api.items import create_item, get_item, list_items, update_item
from by_openapi_python_client.api.users import create_user
from by_openapi_python_client.models import ItemCreate, ItemStatus, ItemUpdate, Login, UserCreate

url, email = sys.argv[1:]
password = "Analytical1"
stranger = Client(base_url=url)
account = UserCreate(name="Ada", email=email, password=password, password_confirm=password)
created = create_user.sync_detailed(client=stranger, body=account)
token = login.sync(client=stranger, body=Login(email=email, password=password)).access_token

client = AuthenticatedClient(base_url=url, token=token)
rake = create_item.sync_detailed(client=client, body=ItemCreate(title="Rake", tags=["garden"]))
create_item.sync(client=client, body=ItemCreate(title="Spade"))
item = rake.parsed
done = ItemUpdate(status=ItemStatus.DONE)
update_item.sync(item.id, client=client, body=done, if_match=rake.headers["ETag"])
outdated = update_item.sync_detailed(item.id, client=client, body=done, if_match=rake.headers["ETag"])
missing = get_item.sync_detailed(created.parsed.id, client=client)
page = list_items.sync(client=client, limit=10, status=[ItemStatus.OPEN], include_total=True)

report = {
    "signed_up": created.parsed.email == email and created.headers["Location"].endswith(str(created.parsed.id)),
    "created": [item.title, item.tags, item.priority],
    "listed": [one.title for one in page.data],
    "total": page.total,
    "refusals": [outdated.status_code, json.loads(missing.content)["error"]["code"]],
}
json.dump(report, sys.stdout)
