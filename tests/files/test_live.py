"""Uploads to a server process: large ones, clients that go away, and a plug that is pulled."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.files.uploads import END, HEAD, file_head, file_part
from tests.live import LiveServer, serve
from tests.transfer.command import twofold

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

MIB = 1024 * 1024
LIMIT_SECONDS = 30


async def sign_in(client: httpx.AsyncClient, server: LiveServer) -> None:
    """Let a client call as the administrator."""
    data = {"email": server.admin_email, "password": server.admin_password}
    answer = await client.post(f"{server.url}/api/auth/login", json=data)
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


@asynccontextmanager
async def half_an_upload(
    client: httpx.AsyncClient, server: LiveServer, body: bytes
) -> AsyncIterator[asyncio.StreamWriter]:
    """Send the beginning of an upload, and hold the line for the length of the block."""
    address = urlsplit(server.url)
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    head = [
        "POST /api/files HTTP/1.1",
        f"Host: {address.netloc}",
        f"Authorization: {client.headers['Authorization']}",
        f"Content-Type: {HEAD['Content-Type']}",
        f"Content-Length: {len(body) + MIB}",
    ]
    writer.write("\r\n".join([*head, "", ""]).encode() + body)
    try:
        await writer.drain()
        yield writer
    finally:
        writer.close()


async def until(true: Callable[[], bool]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while not true():  # noqa: ASYNC110 - what another process does sets no event here
            await asyncio.sleep(0.02)


def in_store(folder: Path) -> list[Path]:
    """Return everything that is in the store, finished or not."""
    return [path for path in (folder / "data" / "files").rglob("*") if path.is_file()]


async def ids(client: httpx.AsyncClient, server: LiveServer) -> list[str]:
    """Return the ids of the files that are listed, in the trash or not."""
    found = []
    for trashed in ("false", "true"):
        listed = await client.get(f"{server.url}/api/files", params={"trashed": trashed})
        found += [file["id"] for file in listed.json()["data"]]
    return found


async def test_an_upload_is_larger_than_all_bodies_may_be_that_are_kept_in_memory(
    database_url: str, tmp_path: Path
) -> None:
    # 64 of these, together, are 1 MiB.
    content = os.urandom(4 * MIB)
    async with serve(database_url, tmp_path, BODY_LIMIT_BYTES="16384") as server, httpx.AsyncClient() as client:
        await sign_in(client, server)

        async def chunks() -> AsyncIterator[bytes]:
            yield file_head()
            for start in range(0, len(content), 10_000):
                yield content[start : start + 10_000]
            yield b"\r\n" + END

        for body in (file_part(content) + END, chunks()):
            sent: Any = body
            answer = await client.post(f"{server.url}/api/files", content=sent, headers=HEAD)
            assert answer.status_code == 201, answer.text
            [file] = answer.json()["data"]
            back = await client.get(f"{server.url}/api/files/{file['id']}/content")
            assert back.content == content
        refused = await client.post(f"{server.url}/api/items", json={"title": "x", "description": "x" * 20_000})
        assert refused.status_code == 413


async def test_of_a_client_that_hangs_up_nothing_is_left(database_url: str, tmp_path: Path) -> None:
    async with serve(database_url, tmp_path) as server, httpx.AsyncClient() as client:
        await sign_in(client, server)
        async with half_an_upload(client, server, file_part(b"first") + file_head() + b"x" * 3 * MIB):
            await until(lambda: len(in_store(tmp_path)) == 2)
        await until(lambda: in_store(tmp_path) == [])
        assert await ids(client, server) == []
        assert "Traceback" not in server.log.read_text()


async def test_after_a_plug_is_pulled_in_the_middle_rows_and_bytes_agree(database_url: str, tmp_path: Path) -> None:
    async with httpx.AsyncClient() as client:
        async with serve(database_url, tmp_path, JOBS="here") as server:
            await sign_in(client, server)
            kept = await client.post(f"{server.url}/api/files", files=[("files", b"kept")])
            gone = await client.post(f"{server.url}/api/files", files=[("files", b"gone")])
            async with half_an_upload(client, server, file_part(b"first") + file_head() + b"x" * 3 * MIB):
                await until(lambda: len(in_store(tmp_path)) == 4)
                # Its bytes are to go after the commit: by whom, if nobody lives?
                [file] = gone.json()["data"]
                erased = await client.delete(f"{server.url}/api/files/{file['id']}?permanent=true")
                server.kill()
                await server.process.wait()
        assert erased.status_code == 204
        async with serve(database_url, tmp_path, JOBS="here") as server:
            await sign_in(client, server)
            [file] = kept.json()["data"]
            assert await ids(client, server) == [file["id"]]
            # The whole first file of the upload and half of its second one are left, and nobody's.
            await until(lambda: len(in_store(tmp_path)) == 3)
            for path in in_store(tmp_path):
                os.utime(path, (0, 0))
            environment: dict[str, Any] = {"DATABASE_URL": database_url, "DATA_DIR": str(tmp_path / "data")}
            ended = await twofold("files", "check", **environment)
            assert (ended.code, ended.out) == (0, "Checked 1, removed 2 (5 bytes).\n")
            assert (await client.get(f"{server.url}/api/files/{file['id']}/content")).content == b"kept"
            assert [path.read_bytes() for path in in_store(tmp_path)] == [b"kept"]
