"""The corpus against a started server: no attack is answered with a fault, holds a bystander, or fills the log.

Each attack runs twice at once. What counts is the bystander next to it: somebody who asks for a small
list all the time must not wait much longer than without the attack.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from api.config import Settings
from tests import databases
from tests.attacks import accounts, bodies, documents, files, frames, oddities, wires
from tests.attacks.bystander import LIST
from tests.attacks.requests import NEVER, Request, codes
from tests.attacks.target import Target, settled, under_attack
from tests.live import NO_CERTIFICATES

AT_ONCE = 2
HELD = 100
"""How many times as long as usual the bystander may wait: far more than noise, far less than a held server."""

PATIENCE_SECONDS = 0.1
"""How long a bare connection is given to be answered before the attacker hangs up."""

FAULTS = ("Traceback", '"level": "error"', '"level":"error"', "Exception in ASGI", "Task exception", "never awaited")

pytestmark = pytest.mark.asyncio(loop_scope="module")


def _named(*corpora: Iterable[tuple[str, Any]]) -> list[Any]:
    return [pytest.param(name, sent, id=name) for name, sent in chain(*corpora)]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=databases.KINDS)
async def target(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, worker: str
) -> AsyncIterator[Target]:
    """A server on each database that all attacks of this process share."""
    folder = tmp_path_factory.mktemp("attacked")
    stack = ExitStack()
    if request.param == "sqlite":
        address = await asyncio.to_thread(databases.sqlite_address, folder, folder / "template.db")
    else:
        databases.require_postgresql()
        address = await asyncio.to_thread(stack.enter_context, databases.postgresql_address(f"attacked_{worker}"))
    async with under_attack(address, folder) as target:
        yield target
    await asyncio.to_thread(stack.close)


@pytest.mark.parametrize(
    ("name", "requests"),
    _named(documents.attacks(), oddities.attacks(), bodies.attacks(), accounts.attacks(), files.attacks()),
)
async def test_requests(target: Target, name: str, requests: Sequence[Request]) -> None:
    budget = Settings(_env_file=None).answer_max_bytes

    async def attack() -> None:
        async with httpx.AsyncClient(verify=NO_CERTIFICATES, base_url=target.url, timeout=60) as client:
            for request in requests:
                response = await request.send(client, target.attacker.token)
                assert not codes(response) & NEVER, f"{name}: {request.path} {response.text[:300]}"
                assert len(response.content) <= budget, f"{name}: {len(response.content)} bytes"

    await _attacked(target, name, attack)


@pytest.mark.parametrize(("name", "sent"), _named(frames.attacks()))
async def test_sockets(target: Target, name: str, sent: Sequence[frames.Frame]) -> None:
    address = target.url.replace("http", "ws", 1) + "/graphql"
    payload = {"Authorization": f"Bearer {target.attacker.token}"}
    greeting = json.dumps({"type": "connection_init", "payload": payload})

    async def attack() -> None:
        protocol = Subprotocol("graphql-transport-ws")
        async with connect(address, subprotocols=[protocol], max_size=None, proxy=None) as socket:
            with suppress(ConnectionClosed):
                for frame in (*sent, frames.PING):
                    await socket.send(greeting if frame == frames.INIT else frame)
                # When everything before it was read, the last ping is answered.
                pings = [*sent, frames.PING].count(frames.PING)
                while pings:
                    async with asyncio.timeout(30):
                        pings -= json.loads(await socket.recv())["type"] == "pong"
            await socket.close()
        # 1005 is a close without a code, which is the client's own; a server's fault would be 1006 or 1011.
        assert socket.close_code not in (1006, 1011), f"{name}: {socket.close_code} {socket.close_reason}"

    await _attacked(target, name, attack)


# They end before anything asks a database, so that one of them is enough.
@pytest.mark.parametrize("target", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("name", "sent"), _named(wires.attacks()))
async def test_bare_connections(target: Target, name: str, sent: bytes) -> None:
    parts = urlsplit(target.url)

    async def attack() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        answer = b""
        with suppress(ConnectionError, TimeoutError):
            writer.write(sent)
            await asyncio.wait_for(writer.drain(), PATIENCE_SECONDS)
            async with asyncio.timeout(PATIENCE_SECONDS):
                while part := await reader.read(65536):
                    answer += part
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        assert b" 500 " not in answer.partition(b"\r\n")[0], f"{name}: {answer[:300]!r}"

    await _attacked(target, name, attack)


async def _attacked(target: Target, name: str, attack: Callable[[], Awaitable[None]]) -> None:
    """Run an attack next to the bystander, and judge what it did to it and to the log."""
    usual = (await target.bystander.waits())[LIST].median
    offset = target.server.log.stat().st_size
    async with asyncio.timeout(60):
        await asyncio.gather(*(attack() for _ in range(AT_ONCE)))
    waits = await target.bystander.waits()
    await settled(target)
    log = target.log_since(offset).splitlines()
    assert not [line for line in log if any(fault in line for fault in FAULTS)], name
    for path, found in waits.items():
        assert not found.failures, f"{name}: {path} answered {found.failures[:3]}"
        assert found.longest < HELD * usual, f"{name}: {path} waited {found.longest:.2f} s instead of {usual:.4f} s"
