"""Servers that only promise, and workers that do: what one of them leaves lying, another finishes."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.jobs.mail_server import mail_server
from tests.jobs.test_kill import FULL, once, sign_up
from tests.jobs.waiting import LIMIT_SECONDS
from tests.live import serve

KINDS = ["sqlite", "postgresql"] if FULL else ["postgresql"]


@asynccontextmanager
async def worker(database_url: str, folder: Path, **environment: str) -> AsyncIterator[Process]:
    """Run `twofold worker` around a block, once it says that it is there."""
    settings = {
        "DATA_DIR": str(folder / "data"),
        "DATABASE_URL": database_url,
        "SECRET_KEY": "a secret that signs the tokens of the tests",
        "JOBS": "workers",
        **environment,
    }
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("twofold")),
        "worker",
        cwd=folder,
        env={**os.environ, **settings},
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    async with asyncio.timeout(LIMIT_SECONDS):
        while b"worker started" not in await process.stderr.readline():
            assert process.returncode is None
    # Nobody reads on; it says little, and the pipe holds more than that.
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), LIMIT_SECONDS)


@pytest.mark.parametrize("database_url", KINDS, indirect=True)
async def test_another_worker_finishes_what_a_killed_one_had_begun(database_url: str, tmp_path: Path) -> None:
    async with mail_server() as mails, serve(database_url, tmp_path) as server:
        async with worker(database_url, tmp_path, SMTP_URL=mails.url) as first:
            mails.at_text = once(lambda: first.send_signal(signal.SIGKILL))
            assert await sign_up(server, "ada") == httpx.codes.CREATED
            assert await first.wait() == -9
        async with worker(database_url, tmp_path, SMTP_URL=mails.url) as second:
            # Which waits no longer than the README promises.
            one, same = await mails.mails_to("ada@example.com", 2)
            assert one["Message-ID"] == same["Message-ID"]
        assert second.returncode == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_worker_that_is_told_to_end_finishes_what_it_is_at(database_url: str, tmp_path: Path) -> None:
    async with mail_server() as mails, serve(database_url, tmp_path) as server:
        async with worker(database_url, tmp_path, SMTP_URL=mails.url) as first:
            mails.at_address = once(first.terminate)
            assert await sign_up(server, "ada") == httpx.codes.CREATED
            assert await first.wait() == 0
        # It was written down that it is done: the next one does the next thing.
        async with worker(database_url, tmp_path, SMTP_URL=mails.url):
            assert await sign_up(server, "grace") == httpx.codes.CREATED
            await mails.mails_to("grace@example.com")
    assert [mail["To"] for mail in mails.mails] == ["ada@example.com", "grace@example.com"]
