"""How the tests of this folder ask, and how they count the statements that an answer took."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import event

from db.engine import Database

IDENTIFICATION = 1
"""A token is looked up with one statement before an operation runs."""


async def ask(client: httpx.AsyncClient, token: str | None, query: str, **variables: Any) -> dict[str, Any]:
    """Send an operation and return the whole answer."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    response = await client.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
    assert response.status_code == 200
    answer: dict[str, Any] = response.json()
    return answer


async def read(client: httpx.AsyncClient, token: str | None, query: str, **variables: Any) -> Any:
    """Send an operation that succeeds and return its data."""
    answer = await ask(client, token, query, **variables)
    assert "errors" not in answer, answer["errors"]
    return answer["data"]


@contextmanager
def statements(app: FastAPI) -> Iterator[list[str]]:
    """Collect the SQL statements that run in the block, without those that begin and end transactions.

    Nor is the look for webhooks that are behind among them, which a process makes by itself.
    """
    database: Database = app.state.database
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith("BEGIN") and "FROM webhooks JOIN workspaces" not in " ".join(statement.split()):
            seen.append(statement)

    engines = [engine.sync_engine for engine in database.engines]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)
