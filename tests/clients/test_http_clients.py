"""The npm packages `@urql/core`, `@apollo/client` and `graphql-request`, each with its own idea of what it accepts."""

from typing import Any

import httpx

from tests.clients.caller import calling_anew
from tests.clients.conftest import RunNode
from tests.live import LiveServer

CLIENTS = ("urql", "request", "apollo", "persisted")


def without_type_names(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_type_names(part) for key, part in value.items() if key != "__typename"}
    return value


async def test_each_client_reads_its_answers_and_writes_once(run_node: RunNode, shared_server: LiveServer) -> None:
    async with calling_anew(shared_server) as caller:
        question = {"url": f"{shared_server.url}/graphql", "token": caller.token}
        told = without_type_names(await run_node("http_clients.mjs", question))
        expected = {
            name: {
                "read": {"data": {"me": {"email": caller.email}}, "codes": [], "broken": None},
                "write": {"data": {"createItem": {"title": name}}, "codes": [], "broken": None},
                "refused": {"data": {"item": None}, "codes": ["NOT_FOUND"], "broken": None},
                "wrong": {"data": None, "codes": ["BAD_REQUEST"], "broken": None},
            }
            for name in CLIENTS
        }
        assert told == expected
        headers = {"Authorization": f"Bearer {caller.token}"}
        async with httpx.AsyncClient(base_url=shared_server.url, headers=headers) as client:
            items = (await client.get("/api/items", params={"sort": "created"})).json()["data"]
        assert [item["title"] for item in items] == list(CLIENTS)
