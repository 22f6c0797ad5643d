"""A client by ariadne-codegen signs up, creates, edits and lists."""

import asyncio
import json
import sys

import httpx
from by_ariadne_codegen import Client
from by_ariadne_codegen.enums import ItemStatus
from by_ariadne_codegen.exceptions import GraphQLClientGraphQLMultiError
from by_ariadne_codegen.get_node import GetNodeNodeItem
from by_ariadne_codegen.input_types import ItemCreate, ItemUpdate, Login, UserCreate

url, email = sys.argv[1:]
password = "Analytical1"


async def main() -> None:
    async with Client(url=f"{url}/graphql") as stranger:
        account = UserCreate(name="Ada", email=email, password=password, passwordConfirm=password)
        me = (await stranger.sign_up(account)).create_user
        token = (await stranger.sign_in(Login(email=email, password=password))).login.access_token
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as signed_in:
        client = Client(url=f"{url}/graphql", http_client=signed_in)
        rake = (await client.create_item(ItemCreate(title="Rake", tags=["garden"]))).create_item
        await client.create_item(ItemCreate(title="Spade"))
        done = ItemUpdate(status=ItemStatus.DONE)
        await client.update_item(rake.id, done, rake.version)
        refusals = []
        for refused in (client.update_item(rake.id, done, rake.version), client.get_node("nobody")):
            try:
                await refused
            except GraphQLClientGraphQLMultiError as error:
                refusals.append(error.errors[0].extensions["code"])
        page = (await client.list_items(10, [ItemStatus.OPEN])).items
        node = (await client.get_node(rake.id)).node
    report = {
        "signed_up": me.email == email and isinstance(node, GetNodeNodeItem) and node.title == "Rake",
        "created": [rake.title, rake.tags, rake.priority],
        "listed": [item.title for item in page.nodes],
        "total": page.total_count,
        "refusals": refusals,
    }
    json.dump(report, sys.stdout)


asyncio.run(main())
