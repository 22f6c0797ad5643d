"""Crowds of subscribers on a server, as light as they get: what they receive is theirs to read, or not."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit
from uuid import UUID

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from api.core.actor import Actor, UserActor
from api.core.permissions import Permission
from api.services import access, log
from db.engine import Database
from db.models import Item, UserRole
from db.models.base import new_id
from tests.live import NO_CERTIFICATES, LiveServer

SILENCE_SECONDS = 60.0
"""A stream on which not even a comment came for so long is lost. A system that throws away what does not fit into a
small window may never tell its receiver that the sender hung up."""

KINDS = ("socket", "rest_sse", "graphql_sse")

DOCUMENT = """subscription($w: UUID!, $after: BigInt) {
  changes(workspaceId: $w, after: $after) { seq kind item { title description } }
}"""


@dataclass(frozen=True)
class Place:
    """A workspace on a server, and who watches and writes there."""

    url: str
    workspace: UUID
    token: str
    actor: Actor


async def administrators_place(server: LiveServer) -> Place:
    """Sign in as the administrator of a server process."""
    async with httpx.AsyncClient(verify=NO_CERTIFICATES, base_url=server.url) as client:
        who = {"email": server.admin_email, "password": server.admin_password}
        token = (await client.post("/api/auth/login", json=who)).json()["access_token"]
        me = (await client.get("/api/users/me", headers={"Authorization": f"Bearer {token}"})).json()
    home = UUID(me["personal_workspace_id"])
    return Place(server.url, home, token, UserActor(UUID(me["id"]), UserRole(me["role"]), home))


async def write_items(database: Database, place: Place, number: int, *, batch: int = 200, text: str = "") -> int:
    """Create items, many in each statement as an import does it; return the last number of the log."""
    seq = 0
    for start in range(0, number, batch):
        async with database.write() as uow:
            await access.enter(uow, place.actor, place.workspace, Permission.WRITE)
            made = [
                Item(
                    id=new_id(),
                    workspace_id=place.workspace,
                    owner_id=place.actor.user_id,
                    title=f"{n}",
                    description=text,
                )
                for n in range(start, min(start + batch, number))
            ]
            await uow.session.insert(*made)
            await log.record(uow, place.actor, place.workspace, [log.created(item) for item in made])
        seq = uow.last_seqs[place.workspace]
    return seq


class ConnectionLostError(Exception):
    """The server hung up; whoever wants to go on resumes."""


class Subscriber(Protocol):
    """Reads one event after the other."""

    async def next(self) -> int:
        """Return the number of the next event.

        Raises:
            ConnectionLostError: there is none, as the connection is closed.
        """


class SocketSubscriber:
    """Over graphql-transport-ws. The library reads no more than one message ahead."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def next(self) -> int:
        """Return the number of the next event."""
        try:
            message = json.loads(await self._connection.recv())
        except ConnectionClosed as closed:
            raise ConnectionLostError from closed
        assert message["type"] == "next", message
        [event] = message["payload"]["data"].values()
        seq: int = event["seq"]
        return seq


class EventSourceSubscriber:
    """Over Server-Sent Events of either door, read from the bare connection."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def next(self) -> int:
        """Return the number of the next event."""
        while True:
            try:
                async with asyncio.timeout(SILENCE_SECONDS):
                    line = (await self._reader.readline()).decode()
            except (ConnectionError, TimeoutError) as error:
                raise ConnectionLostError from error
            if not line.endswith("\n"):
                # Cut off, perhaps in the middle of an event, which then was none.
                raise ConnectionLostError
            name, _, value = line.partition(":")
            if name == "data":
                data: dict[str, Any] = json.loads(value)
                [event] = data["data"].values() if "data" in data else [data]
                seq: int = event["seq"]
                return seq


@asynccontextmanager
async def subscribed(kind: str, place: Place, after: int | None = None) -> AsyncIterator[Subscriber]:
    """Subscribe over `socket`, `graphql_sse` or `rest_sse`, with a small window to receive in."""
    variables = {"w": str(place.workspace), "after": after}
    if kind == "socket":
        address = place.url.replace("http", "ws", 1) + "/graphql"
        protocol = Subprotocol("graphql-transport-ws")
        bare = await small_window(place.url)
        # Compressed, any number of like events would fit into what the system takes.
        options: dict[str, Any] = {"compression": None, "max_queue": 1, "ping_interval": None, "close_timeout": 0.1}
        async with connect(address, sock=bare, subprotocols=[protocol], proxy=None, **options) as c:
            token = {"Authorization": f"Bearer {place.token}"}
            await c.send(json.dumps({"type": "connection_init", "payload": token}))
            assert json.loads(await c.recv())["type"] == "connection_ack"
            payload = {"query": DOCUMENT, "variables": variables}
            await c.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
            yield SocketSubscriber(c)
        return
    if kind == "graphql_sse":
        request = _request(place, "POST /graphql", json.dumps({"query": DOCUMENT, "variables": variables}))
    else:
        resume = "" if after is None else f"?after={after}"
        request = _request(place, f"GET /api/workspaces/{place.workspace}/changes/stream{resume}", "")
    reader, writer = await asyncio.open_connection(sock=await small_window(place.url))
    try:
        writer.write(request)
        status = await reader.readline()
        assert b" 200 " in status, status
        await reader.readuntil(b"\r\n\r\n")
        yield EventSourceSubscriber(reader)
    finally:
        writer.close()


@asynccontextmanager
async def crowd(place: Place, number: int) -> AsyncIterator[Sequence[Subscriber]]:
    """Subscribe many times, over all transports in turn; every stream is live when the block begins."""
    kinds = list(islice(cycle(KINDS), number))
    async with AsyncExitStack() as stack:
        subscribers: list[Subscriber] = []
        for kind in kinds:
            subscribers.append(await stack.enter_async_context(subscribed(kind, place)))
            await subscribers[-1].next()
        yield subscribers


def memory(process: int, what: str = "VmRSS") -> float:
    """Return the memory of a process in MiB: what it has, or with `VmHWM` the most it had."""
    found = re.search(rf"{what}:\s+(\d+)", Path(f"/proc/{process}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def reset_peak(process: int) -> None:
    """Let `VmHWM` begin anew (proc(5), /proc/pid/clear_refs)."""
    Path(f"/proc/{process}/clear_refs").write_text("5")


async def small_window(url: str) -> socket.socket:
    """Connect with little room to receive in."""
    parts = urlsplit(url)
    bare = socket.socket()
    bare.setblocking(False)
    # Else the system itself takes several megabytes for a client that reads nothing.
    bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 128 * 1024)
    await asyncio.get_running_loop().sock_connect(bare, (parts.hostname, parts.port))
    return bare


def _request(place: Place, line: str, body: str) -> bytes:
    head = (
        f"{line} HTTP/1.1\r\nHost: {urlsplit(place.url).netloc}\r\nAuthorization: Bearer {place.token}\r\n"
        f"Accept: text/event-stream\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode()
