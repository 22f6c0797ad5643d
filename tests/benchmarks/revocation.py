"""How soon a right that ends on one server ends the streams of another: `python -m tests.benchmarks.revocation`.

Two processes on one database, without Redis. The time is from the answer of the request that ends the
right to the last word of the stream.
"""

import time
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from uuid import UUID, uuid4

import httpx

from tests.benchmarks.each_database import on_each_database
from tests.live import LiveServer, serve
from tests.streams.transport import TRANSPORTS, watching

ROUNDS = 20
PASSWORD = "Analytical1"


async def sign_in(client: httpx.AsyncClient, email: str, password: str) -> str:
    """Return an access token."""
    answer = await client.post("/api/auth/login", json={"email": email, "password": password})
    token: str = answer.raise_for_status().json()["access_token"]
    return token


async def newcomer(client: httpx.AsyncClient, workspace: str) -> tuple[str, str]:
    """Make an account and a viewer of it; return its id and a token."""
    email = f"{uuid4().hex}@example.com"
    account = {"name": "Newcomer", "email": email, "password": PASSWORD, "password_confirm": PASSWORD}
    user: str = (await client.post("/api/users", json=account)).raise_for_status().json()["id"]
    member = {"user_id": user, "role": "viewer"}
    (await client.post(f"/api/workspaces/{workspace}/members", json=member)).raise_for_status()
    return user, await sign_in(client, email, PASSWORD)


async def measure(
    here: httpx.AsyncClient, there: LiveServer, workspace: str, transport: str, *, disable: bool
) -> float:
    """Return the seconds until one stream has ended."""
    user, token = await newcomer(here, workspace)
    async with watching(transport, there.url, token, UUID(workspace)) as stream:
        await stream.next()
        if disable:
            answer = await here.patch(f"/api/users/{user}", json={"disabled": True})
        else:
            answer = await here.delete(f"/api/workspaces/{workspace}/members/{user}")
        answer.raise_for_status()
        begin = time.perf_counter()
        await stream.end()
        return time.perf_counter() - begin


async def run(name: str, address: str, folder: Path) -> None:
    """Measure on one database and print the figures."""
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(serve(address, folder, LOG_LEVEL="warning"))
        two = await stack.enter_async_context(serve(address, folder, LOG_LEVEL="warning"))
        here = await stack.enter_async_context(httpx.AsyncClient(base_url=one.url, timeout=60))
        here.headers["Authorization"] = f"Bearer {await sign_in(here, one.admin_email, one.admin_password)}"
        workspace = (await here.post("/api/workspaces", json={"name": "Room"})).raise_for_status().json()["id"]
        for what, disable in (("membership removed", False), ("account disabled", True)):
            for transport in TRANSPORTS:
                seconds = [await measure(here, two, workspace, transport, disable=disable) for _ in range(ROUNDS)]
                print(  # noqa: T201
                    f"{name:10} {what:18} {transport:11} median {median(seconds):.2f} s, longest {max(seconds):.2f} s",
                    flush=True,
                )


if __name__ == "__main__":
    on_each_database(run)
