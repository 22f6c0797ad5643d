"""How soon a right that ends on one process has ended on all others: `python -m tests.benchmarks.revocation`.

Four server processes on one database, without Redis. A user has streams open at each of them, over a socket and both
kinds of event streams, and asks all of them over REST and GraphQL without a pause: by a session, or by an API key. The
time is from the answer of the request that ends the right to the last word of the last stream, or the end of the last
answer that served the user.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import httpx

from tests.benchmarks.each_database import on_each_database
from tests.live import LiveServer, serve
from tests.streams.transport import TRANSPORTS, Stream, watching

PROCESSES = 4
ROUNDS = 25
PASSWORD = "Analytical1"


@dataclass(frozen=True)
class Newcomer:
    """A viewer of the workspace, and all that it can call by."""

    user: str
    token: str
    other_token: str
    key: str
    key_id: str


End = Callable[[httpx.AsyncClient, Newcomer, str], Awaitable[httpx.Response]]


async def sign_in(client: httpx.AsyncClient, email: str, password: str) -> str:
    """Return an access token."""
    answer = await client.post("/api/auth/login", json={"email": email, "password": password})
    token: str = answer.raise_for_status().json()["access_token"]
    return token


def bearer(token: str) -> dict[str, str]:
    """Return the headers of who calls by this token."""
    return {"Authorization": f"Bearer {token}"}


async def newcomer(client: httpx.AsyncClient, workspace: str) -> Newcomer:
    """Make an account and a viewer of it."""
    email = f"{uuid4().hex}@example.com"
    account = {"name": "Newcomer", "email": email, "password": PASSWORD, "password_confirm": PASSWORD}
    user: str = (await client.post("/api/users", json=account)).raise_for_status().json()["id"]
    member = {"user_id": user, "role": "viewer"}
    (await client.post(f"/api/workspaces/{workspace}/members", json=member)).raise_for_status()
    token, other = [await sign_in(client, email, PASSWORD) for _ in range(2)]
    made = await client.post("/api/auth/api-keys", json={"name": "Program"}, headers=bearer(token))
    key = made.raise_for_status().json()
    return Newcomer(user, token, other, key["key"], key["id"])


async def remove(admin: httpx.AsyncClient, who: Newcomer, workspace: str) -> httpx.Response:
    """Let an admin take the member out."""
    return await admin.delete(f"/api/workspaces/{workspace}/members/{who.user}")


async def disable(admin: httpx.AsyncClient, who: Newcomer, _workspace: str) -> httpx.Response:
    """Let an administrator disable the account."""
    return await admin.patch(f"/api/users/{who.user}", json={"disabled": True})


async def sign_out(admin: httpx.AsyncClient, who: Newcomer, _workspace: str) -> httpx.Response:
    """Let the user sign out."""
    return await admin.post("/api/auth/logout", headers=bearer(who.token))


async def revoke_sessions(admin: httpx.AsyncClient, who: Newcomer, _workspace: str) -> httpx.Response:
    """Let the user end the session from another one."""
    return await admin.delete("/api/auth/sessions", headers=bearer(who.other_token))


async def revoke_key(admin: httpx.AsyncClient, who: Newcomer, _workspace: str) -> httpx.Response:
    """Let the user revoke the API key."""
    return await admin.delete(f"/api/auth/api-keys/{who.key_id}", headers=bearer(who.token))


ENDS: dict[str, tuple[End, bool]] = {
    "membership removed": (remove, False),
    "account disabled": (disable, False),
    "signed out": (sign_out, False),
    "session revoked": (revoke_sessions, False),
    "key revoked": (revoke_key, True),
    "key's account disabled": (disable, True),
}
"""What ends a right, and whether it is that of an API key."""


async def last_word(stream: Stream) -> float:
    """Return when a stream has ended."""
    await stream.end()
    return time.perf_counter()


async def last_served(client: httpx.AsyncClient, token: str, workspace: str, *, graphql: bool) -> float:
    """Ask without a pause until refused; return when the last answer that was none came."""
    client.headers.update(bearer(token))
    served = 0.0
    while True:
        if graphql:
            query = f'{{ workspace(id: "{workspace}") {{ name }} }}'
            refused = "errors" in (await client.post("/graphql", json={"query": query})).json()
        else:
            refused = (await client.get(f"/api/workspaces/{workspace}")).is_error
        if refused:
            return served
        served = time.perf_counter()


async def measure(
    servers: Sequence[LiveServer], admin: httpx.AsyncClient, workspace: str, end: End, *, by_key: bool
) -> dict[str, float]:
    """Return the seconds until the last word, by transport, over all processes."""
    who = await newcomer(admin, workspace)
    token = who.key if by_key else who.token
    async with AsyncExitStack() as stack:
        streams = [
            (transport, await stack.enter_async_context(watching(transport, server.url, token, UUID(workspace))))
            for server in servers
            for transport in TRANSPORTS
        ]
        for _, stream in streams:
            await stream.next()
        works = [(transport, asyncio.create_task(last_word(stream))) for transport, stream in streams]
        for server in servers:
            for name, graphql in (("rest", False), ("graphql", True)):
                client = await stack.enter_async_context(httpx.AsyncClient(base_url=server.url, timeout=60))
                works.append((name, asyncio.create_task(last_served(client, token, workspace, graphql=graphql))))
        await asyncio.sleep(0.05)
        (await end(admin, who, workspace)).raise_for_status()
        begin = time.perf_counter()
        seconds: dict[str, float] = {}
        for name, work in works:
            seconds[name] = max(seconds.get(name, 0.0), await work - begin)
    return seconds


async def run(name: str, address: str, folder: Path) -> None:
    """Measure on one database and print the figures."""
    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(serve(address, folder, LOG_LEVEL="warning")) for _ in range(PROCESSES)
        ]
        admin = await stack.enter_async_context(httpx.AsyncClient(base_url=servers[0].url, timeout=60))
        own = await sign_in(admin, servers[0].admin_email, servers[0].admin_password)
        admin.headers["Authorization"] = f"Bearer {own}"
        workspace = (await admin.post("/api/workspaces", json={"name": "Room"})).raise_for_status().json()["id"]
        for what, (end, by_key) in ENDS.items():
            rounds = [await measure(servers, admin, workspace, end, by_key=by_key) for _ in range(ROUNDS)]
            for transport in ("rest", "graphql", *TRANSPORTS):
                seconds = sorted(one[transport] for one in rounds)
                middle, p99 = seconds[len(seconds) // 2], seconds[math.ceil(len(seconds) * 0.99) - 1]
                print(  # noqa: T201
                    f"{name:10} {what:22} {transport:11} median {middle:.3f} s, p99 {p99:.3f} s", flush=True
                )


if __name__ == "__main__":
    on_each_database(run)
