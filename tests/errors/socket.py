"""A websocket to the application, without a network between."""

import asyncio
import json
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

PROTOCOL = "graphql-transport-ws"


class Socket:
    """The client's end."""

    def __init__(self) -> None:
        self.to_app: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        self.from_app: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()

    async def send(self, message: dict[str, Any]) -> None:
        """Send a message."""
        await self.to_app.put({"type": "websocket.receive", "text": json.dumps(message)})

    async def receive(self) -> dict[str, Any]:
        """Return the next message."""
        message = await self.from_app.get()
        assert message["type"] == "websocket.send"
        answer: dict[str, Any] = json.loads(message["text"])
        return answer


@asynccontextmanager
async def connected(app: FastAPI) -> AsyncIterator[Socket]:
    """Open a socket at `/graphql`, and close it as a client does."""
    socket = Socket()
    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"twofold.test"), (b"sec-websocket-protocol", PROTOCOL.encode())],
        "client": ("127.0.0.1", 1),
        "server": ("twofold.test", 80),
        "subprotocols": [PROTOCOL],
    }
    await socket.to_app.put({"type": "websocket.connect"})
    async with asyncio.timeout(30):
        served = asyncio.create_task(app(scope, socket.to_app.get, socket.from_app.put))
        accepted = await socket.from_app.get()
        assert (accepted["type"], accepted["subprotocol"]) == ("websocket.accept", PROTOCOL)
        yield socket
        await socket.to_app.put({"type": "websocket.disconnect", "code": 1000})
        await served
