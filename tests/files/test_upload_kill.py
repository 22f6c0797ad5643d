"""Pull the plug while an upload is brought: what counts is there afterwards, and rows and bytes agree."""

import os
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.doors.uploading import appended, begun
from tests.files.test_live import in_store, sign_in
from tests.live import free_port, serve
from tests.transfer.command import twofold

DYING = (sys.executable, str(Path(__file__).with_name("dying_twofold.py")))
CONTENT = b"Sow in March.\n"


async def check(database_url: str, folder: Path) -> str:
    """Let `twofold files check` look at bytes that are all old."""
    for path in in_store(folder):
        os.utime(path, (0, 0))
    ended = await twofold("files", "check", DATABASE_URL=database_url, DATA_DIR=str(folder / "data"))
    assert ended.code == 0
    return ended.out


async def failed(sending: Any) -> bool:
    """Return whether nobody was there to answer in the end."""
    try:
        await sending
    except httpx.TransportError:
        return True
    return False


@pytest.mark.parametrize(
    ("database_url", "step"),
    [("sqlite", "before the commit"), ("postgresql", "after the commit")],
    indirect=["database_url"],
)
async def test_what_is_sent_at_once_is_there_or_may_be_sent_again(database_url: str, tmp_path: Path, step: str) -> None:
    port = free_port()
    async with httpx.AsyncClient() as client:
        async with serve(database_url, tmp_path, port=port, program=DYING, DIE=step) as server:
            await sign_in(client, server)
            promised = await client.post(f"{server.url}/api/uploads", json={"name": "a.txt", "size": len(CONTENT)})
            url = server.url + promised.json()["url"]
            assert await failed(client.put(url, content=CONTENT))
            assert await server.process.wait() == -9
        async with serve(database_url, tmp_path, port=port) as server:
            await sign_in(client, server)
            complete = f"{server.url}/api/uploads/{promised.json()['id']}/complete"
            is_there = (await client.post(complete)).is_success
            assert is_there == (step == "after the commit")
            again = await client.put(url, content=CONTENT)
            assert again.status_code == (409 if is_there else 201)
            file = (await client.post(complete)).raise_for_status().json()
            assert (await client.get(f"{server.url}/api/files/{file['id']}/content")).content == CONTENT
            [listed] = (await client.get(f"{server.url}/api/files")).json()["data"]
            assert listed == file
            removed = "removed 0 (0 bytes)" if is_there else f"removed 1 ({len(CONTENT)} bytes)"
            assert await check(database_url, tmp_path) == f"Checked 1, {removed}.\n"


@pytest.mark.parametrize(
    ("database_url", "step"),
    [("postgresql", "before the commit"), ("sqlite", "before a part counts"), ("sqlite", "after the commit")],
    indirect=["database_url"],
)
async def test_what_comes_in_pieces_goes_on_where_it_counts(database_url: str, tmp_path: Path, step: str) -> None:
    port = free_port()
    async with httpx.AsyncClient() as client:
        async with serve(database_url, tmp_path, port=port) as server:
            await sign_in(client, server)
            told = await client.post(f"{server.url}/api/tus", headers=begun(len(CONTENT)).headers)
            url = server.url + told.headers["location"]
            first = await client.patch(url, content=CONTENT[:5], headers=appended(b"").headers)
            assert first.status_code == 204
        async with serve(database_url, tmp_path, port=port, program=DYING, DIE=step) as server:
            end = 9 if step == "before a part counts" else len(CONTENT)
            assert await failed(client.patch(url, content=CONTENT[5:end], headers=appended(b"", 5).headers))
            assert await server.process.wait() == -9
        async with serve(database_url, tmp_path, port=port, JOBS="here") as server:
            await sign_in(client, server)
            offset = int((await client.head(url)).headers["upload-offset"])
            assert offset == (len(CONTENT) if step == "after the commit" else 5)
            if offset == 5:
                rest = await client.patch(url, content=CONTENT[5:], headers=appended(b"", 5).headers)
                assert rest.status_code == 204
            [file] = (await client.get(f"{server.url}/api/files")).json()["data"]
            assert (await client.get(f"{server.url}/api/files/{file['id']}/content")).content == CONTENT
            await check(database_url, tmp_path)
            assert (await check(database_url, tmp_path)).startswith("Checked 1, removed 0")


@pytest.mark.parametrize(
    ("database_url", "step"),
    [("sqlite", "before the commit"), ("postgresql", "after the commit")],
    indirect=["database_url"],
)
async def test_what_a_client_wrote_into_the_bucket_becomes_one_file(
    database_url: str, tmp_path: Path, files_url: str, step: str
) -> None:
    port, direct = free_port(), {"FILES_URL": files_url, "FILES_DIRECT": "true"}
    async with httpx.AsyncClient(follow_redirects=True) as client:
        async with serve(database_url, tmp_path, port=port, program=DYING, DIE=step, **direct) as server:
            await sign_in(client, server)
            promised = await client.post(f"{server.url}/api/uploads", json={"name": "a.txt", "size": len(CONTENT)})
            assert (await client.put(promised.json()["url"], content=CONTENT, headers={"Authorization": ""})).is_success
            complete = f"{server.url}/api/uploads/{promised.json()['id']}/complete"
            assert await failed(client.post(complete))
            assert await server.process.wait() == -9
        async with serve(database_url, tmp_path, port=port, **direct) as server:
            await sign_in(client, server)
            [first, second] = [(await client.post(complete)).raise_for_status().json() for _ in range(2)]
            assert first == second
            assert (await client.get(f"{server.url}/api/files")).json()["data"] == [first]
            assert (await client.get(f"{server.url}/api/files/{first['id']}/content")).content == CONTENT
