"""Of a request that was refused nothing stays behind."""

import gc
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from tests.doors.people import World
from tests.graphql.asking import ask

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

CREATE = 'mutation($fields: JSON) { createItem(input: {title: "t", fields: $fields}) { id } }'
SIGN_UP = """mutation {
    createUser(input: {name: "G", email: "g@example.com", password: "weakweak1", passwordConfirm: "weakweak1"}) { id }
}"""
REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "an object": (CREATE, {"fields": {"a": [[]] * 20_000}}),
    "a password": (SIGN_UP, {}),
    "a filter": ('{ items(filter: {text: "%s"}) { totalCount } }' % ("x" * 201), {}),
    "a moment": ('mutation { createItem(input: {title: "t", dueAt: "tomorrow"}) { id } }', {}),
    "a page": ("query($w: ID!) { changes(workspaceId: $w, limit: 1000) { seq } }", {"w": True}),
    "a beginning": ("query($w: ID!) { changes(workspaceId: $w, after: -1) { seq } }", {"w": True}),
}


@pytest.mark.parametrize(("query", "variables"), REFUSED.values(), ids=REFUSED)
async def test_no_finding_outlives_its_answer(
    client: httpx.AsyncClient, world: World, query: str, variables: dict[str, Any]
) -> None:
    values = {name: str(world.workspace) if value is True else value for name, value in variables.items()}
    answer = await ask(client, world.editor.token, query, **values)
    assert answer["errors"][0]["extensions"]["code"] in ("VALIDATION_ERROR", "BAD_REQUEST")
    del answer

    gc.collect()
    assert [one for one in gc.get_objects() if isinstance(one, ValidationError)] == []
