"""A client by openapi-generator signs up, creates, edits and lists."""

import json
import sys

from by_openapi_generator import ApiClient, AuthApi, Configuration, ItemsApi, UsersApi
from by_openapi_generator.exceptions import ApiException, NotFoundException
from by_openapi_generator.models import ItemCreate, ItemUpdate, Login, UserCreate

url, email = sys.argv[1:]
password = "Analytical1"
configuration = Configuration(host=url)
with ApiClient(configuration) as client:
    account = UserCreate(name="Ada", email=email, password=password, password_confirm=password)
    created = UsersApi(client).create_user_with_http_info(account)
    configuration.access_token = AuthApi(client).login(Login(email=email, password=password)).access_token

    items = ItemsApi(client)
    rake = items.create_item_with_http_info(ItemCreate(title="Rake", tags=["garden"], fields={"bed": 3}))
    items.create_item(ItemCreate(title="Spade"))
    items.update_item(rake.data.id, ItemUpdate(status="done"), if_match=rake.headers["etag"])
    refusals = []
    try:
        items.update_item(rake.data.id, ItemUpdate(priority=4), if_match=rake.headers["etag"])
    except ApiException as error:
        refusals.append(error.status)
    items.delete_item(rake.data.id, permanent=True)
    try:
        items.get_item(rake.data.id)
    except NotFoundException as error:
        refusals.append(json.loads(error.body)["error"]["code"])
    page = items.list_items(limit=10, status=["open"], include_total=True)

report = {
    "signed_up": created.data.email == email and created.headers["location"].endswith(str(created.data.id)),
    "created": [rake.data.title, rake.data.fields, rake.data.priority],
    "listed": [item.title for item in page.data],
    "total": page.total,
    "refusals": refusals,
}
json.dump(report, sys.stdout)
