"""A client of tus for the tests, that can be gone in the middle of a request."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx
from fastapi import FastAPI

from tests.doors.people import World
from tests.doors.uploading import appended, begun

CONTENT = bytes(range(256)) * 10
SUM = hashlib.sha256(CONTENT).hexdigest()
PART = 1000
EDITION = {"Tus-Resumable": "1.0.0"}


class Tus:
    """A client of tus, of the editor's."""

    def __init__(self, client: httpx.AsyncClient, world: World) -> None:
        self.client = client
        self._world = world

    async def begin(self, size: int = len(CONTENT), **told: Any) -> str:
        """Promise a file, and return where its bytes are sent."""
        told.setdefault("workspace_id", self._world.workspace)
        answer = await self.promise(begun(size, **told).headers)
        assert (answer.status_code, answer.content) == (201, b"")
        return answer.headers["location"]

    async def promise(self, headers: dict[str, str]) -> httpx.Response:
        """Promise a file with these headers."""
        own = {"Authorization": f"Bearer {self._world.editor.token}"}
        return await self.client.post("/api/tus", headers=headers | own)

    async def append(self, url: str, content: Any, offset: int, **headers: str) -> httpx.Response:
        """Send bytes."""
        return await self.client.patch(url, content=content, headers=appended(b"", offset, **headers).headers)

    async def offset(self, url: str) -> int:
        """Ask how many bytes there are."""
        answer = await self.client.head(url, headers=EDITION)
        assert answer.status_code == 200
        return int(answer.headers["upload-offset"])

    async def file(self, url: str) -> dict[str, Any]:
        """Return the file that an upload became."""
        answer = await self.client.get(
            f"/api/files/{id_of(url)}", headers={"Authorization": f"Bearer {self._world.editor.token}"}
        )
        return dict(answer.raise_for_status().json())


def id_of(url: str) -> str:
    """Return the id of an upload."""
    return urlsplit(url).path.rsplit("/", 1)[1]


async def hang_up(app: FastAPI, url: str, chunks: Sequence[bytes], offset: int, **headers: str) -> None:
    """Send bytes, and then be gone in the middle of the request."""
    parts = urlsplit(url)
    told = appended(b"", offset, **headers).headers
    messages = iter(
        [
            *({"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks),
            {"type": "http.disconnect"},
        ]
    )
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "PATCH",
        "scheme": "http",
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in told.items()],
        "client": ("127.0.0.1", 1),
        "server": ("twofold.test", 80),
    }

    async def receive() -> Any:
        return next(messages)

    async def send(_message: Any) -> None:
        raise AssertionError("nobody is there to be answered")

    await app(scope, receive, send)


async def chunks(content: bytes) -> AsyncIterator[bytes]:
    """Yield bytes a few at a time."""
    for start in range(0, len(content), 500):
        yield content[start : start + 500]
