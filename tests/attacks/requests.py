"""One hostile request over HTTP, and how its answer is judged."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

MOST_ERRORS = 101
"""A hundred findings, and one that says that there are more."""

NONSENSE: Sequence[Any] = (None, 1, "x", [], {}, True)
"""A value of every kind, one of which is wrong wherever it is put."""

NEVER = {"INTERNAL_ERROR", "UNAVAILABLE"}
"""What an attack must not be answered with: the first is a fault, the second says that somebody else suffers."""


@dataclass(frozen=True)
class Request:
    """What is sent. Headers and body are bytes, as an attacker writes them."""

    method: str
    path: str
    body: bytes | None = None
    headers: dict[str, bytes] = field(default_factory=dict)
    signed_in: bool = True

    async def send(self, client: httpx.AsyncClient, token: str) -> httpx.Response:
        """Send it as the attacker, or as somebody who is not signed in."""
        headers = {"Content-Type": b"application/json", **self.headers}
        if self.signed_in and "Authorization" not in headers:
            headers["Authorization"] = f"Bearer {token}".encode()
        raw = [(name.encode(), value) for name, value in headers.items()]
        return await client.request(self.method, self.path, content=self.body, headers=raw)


def graphql(query: Any, variables: Any = None, *, signed_in: bool = True, **more: Any) -> Request:
    """Return a GraphQL request. Surrogates stay escaped, as `JSON.stringify` writes them."""
    body = {"query": query, **({} if variables is None else {"variables": variables}), **more}
    return Request("POST", "/graphql", json.dumps(body).encode(), signed_in=signed_in)


def rest(method: str, path: str, body: Any = None, *, signed_in: bool = True) -> Request:
    """Return a REST request."""
    content = None if body is None else json.dumps(body).encode()
    return Request(method, f"/api{path}", content, signed_in=signed_in)


def codes(response: httpx.Response) -> set[str]:
    """Return the error codes of an answer, which is whole and of the catalogue's shape; none of a success."""
    text = response.content.decode()
    if not text or "json" not in response.headers.get("content-type", ""):
        return set()
    answer = json.loads(text)
    if not isinstance(answer, dict):
        return set()
    found = [answer["error"]] if response.is_error and "error" in answer else []
    found += [error["extensions"] for error in answer.get("errors") or ()]
    assert len(found) <= MOST_ERRORS
    for error in found:
        assert len(error["details"].get("fields", ())) <= MOST_ERRORS
    return {error["code"] for error in found}
