"""The npm package `tus-js-client` against a real server: it goes on where it was, whoever was killed."""

import asyncio
import hashlib
import os
from pathlib import Path
from typing import Any

from tests.clients.caller import Caller, calling, calling_anew
from tests.clients.conftest import StartNode
from tests.clients.node import NodeClient
from tests.live import LiveServer, free_port, serve
from tests.transfer.command import twofold

SCRIPT = "tus.mjs"
CHUNK = 64 * 1024
SIZE = 10 * CHUNK
CONTENT = (b"Sow in March. " * (SIZE // 14 + 1))[:SIZE]


async def check(node: NodeClient, caller: Caller) -> None:
    """See that the upload succeeds, and that the file is there once."""
    await node.until(lambda: any("success" in report or "error" in report for report in node.reports))
    assert not [report for report in node.reports if "error" in report]
    [file] = (await caller.get("/api/files"))["data"]
    assert (file["name"], file["size"], file["media_type"]) == ("seeds.txt", SIZE, "text/plain")
    assert file["sha256"] == hashlib.sha256(CONTENT).hexdigest()


def offsets(node: NodeClient) -> list[int]:
    """Return where the client went on, request by request."""
    return [int(report["offset"]) for report in node.reports if report.get("request") == "PATCH"]


def start(node: NodeClient, server: LiveServer, caller: Caller, **more: Any) -> None:
    """Let the client upload."""
    node.say(command="start", url=server.url, token=caller.token, size=SIZE, chunk=CHUNK, **more)


async def test_it_goes_on_when_the_server_was_killed_and_nothing_is_left_over(
    start_node: StartNode, database_url: str, tmp_path: Path
) -> None:
    port = free_port()
    async with start_node(SCRIPT) as node:
        async with serve(database_url, tmp_path, port=port, JOBS="here") as server, calling(server) as caller:
            start(node, server, caller, pauseAt=4)
            await node.until(lambda: {"paused": True} in node.reports)
            server.kill()
            await server.process.wait()
        node.say(command="proceed")
        async with serve(database_url, tmp_path, port=port, JOBS="here") as server, calling(server) as caller:
            await check(node, caller)
            # Each chunk once, but for the one that was under way.
            assert sorted(set(offsets(node))) == list(range(0, SIZE, CHUNK))
            assert offsets(node).count(3 * CHUNK) == 1
            folder = tmp_path / "data" / "files"
            async with asyncio.timeout(30):
                # The parts go with a job, after the commit.
                while len(kept := [path for path in folder.rglob("*") if path.is_file()]) > 1:  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.05)
            os.utime(kept[0], (0, 0))
            environment: dict[str, Any] = {"DATABASE_URL": database_url, "DATA_DIR": str(tmp_path / "data")}
            ended = await twofold("files", "check", **environment)
            assert (ended.code, ended.out) == (0, "Checked 1, removed 0 (0 bytes).\n")


async def test_a_new_program_goes_on_where_another_one_stopped(
    start_node: StartNode, live_server: LiveServer, tmp_path: Path
) -> None:
    async with calling_anew(live_server) as caller:
        async with start_node(SCRIPT) as node:
            start(node, live_server, caller, pauseAt=4)
            await node.until(lambda: {"paused": True} in node.reports)
        (tmp_path / "node_modules").unlink()
        async with start_node(SCRIPT) as node:
            start(node, live_server, caller, again=True)
            await check(node, caller)
            assert next(report["request"] for report in node.reports if "request" in report) == "HEAD"
            assert offsets(node) == list(range(4 * CHUNK, SIZE, CHUNK))
