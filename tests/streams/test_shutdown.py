"""An orderly stop says goodbye to the streams that the server would otherwise wait for."""

import asyncio
from pathlib import Path

import httpx

from tests.live import serve

PATIENCE_SECONDS = 20
SUBSCRIPTION = "subscription($w: UUID!) { changes(workspaceId: $w) { seq } }"


async def read_all(client: httpx.AsyncClient, ready: asyncio.Event, method: str, url: str, **options: object) -> str:
    """Read a stream to its end; `ready` is set when its first event is there."""
    text = ""
    async with client.stream(method, url, **options) as response:  # type: ignore[arg-type]  # passed on as given
        async for part in response.aiter_text():
            text += part
            if "seq" in text:
                ready.set()
    return text


async def test_streams_end_with_a_reason_when_the_server_stops(sqlite_url: str, tmp_path: Path) -> None:
    async with serve(sqlite_url, tmp_path) as server, httpx.AsyncClient(base_url=server.url) as client:
        credentials = {"email": server.admin_email, "password": server.admin_password}
        token = (await client.post("/api/auth/login", json=credentials)).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        home = (await client.get("/api/users/me", headers=headers)).json()["personal_workspace_id"]
        signs = [asyncio.Event(), asyncio.Event()]
        body = {"query": SUBSCRIPTION, "variables": {"w": home}}
        accept = {**headers, "Accept": "text/event-stream"}
        reading = asyncio.gather(
            read_all(client, signs[0], "GET", f"/api/workspaces/{home}/changes/stream", headers=headers),
            read_all(client, signs[1], "POST", "/graphql", headers=accept, json=body),
        )
        async with asyncio.timeout(PATIENCE_SECONDS):
            for sign in signs:
                await sign.wait()
            server.process.terminate()
            rest, graphql = await reading
            await server.process.wait()
        log = server.log.read_text()

    assert 'event: error\ndata: {"code": "UNAVAILABLE"' in rest
    assert '"code":"UNAVAILABLE"' in graphql
    assert "event: complete" in graphql.splitlines()[-4:]
    assert '"exception"' not in log
