"""Subscriptions on sockets without a network, for tests that look at the server's inside meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from tests.errors.socket import Socket, connected

PATIENCE_SECONDS = 10


class Subscriber:
    """One socket with one subscription that is live."""

    def __init__(self, socket: Socket) -> None:
        self.socket = socket

    async def next(self) -> dict[str, Any]:
        """Return the payload of the next event."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            message = await self.socket.receive()
        assert message["type"] == "next", message
        payload: dict[str, Any] = message["payload"]
        return payload

    async def event(self) -> dict[str, Any]:
        """Return what the next event shows under its one root field; it must be free of errors."""
        payload = await self.next()
        assert list(payload) == ["data"], payload
        [event] = payload["data"].values()
        assert isinstance(event, dict)
        return event

    async def leave(self) -> None:
        """End the subscription, but not the socket."""
        await self.socket.send({"type": "complete", "id": "1"})


@asynccontextmanager
async def subscribed(app: FastAPI, token: str, query: str, **variables: Any) -> AsyncIterator[Subscriber]:
    """Subscribe for the length of the block. Without `after`, the `READY` has been received already."""
    async with connected(app) as socket:
        await socket.send({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}})
        assert (await socket.receive())["type"] == "connection_ack"
        payload = {"query": query, "variables": variables}
        await socket.send({"type": "subscribe", "id": "1", "payload": payload})
        subscriber = Subscriber(socket)
        if "after" not in variables:
            assert (await subscriber.event())["kind"] == "READY"
        yield subscriber
