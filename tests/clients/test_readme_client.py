"""The README's program for `graphql-ws`: nothing is missed or doubled when the server is killed, for hours."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from api.schemas.types import format_moment
from tests.chaos.waiting import until
from tests.clients.caller import Caller, calling
from tests.clients.conftest import StartNode
from tests.live import LiveServer, free_port, serve
from tests.test_readme import blocks

PRELUDE = """
globalThis.WebSocket = (await import("ws")).default;
const [workspaceId, seq, WATCH] = [%(workspace)r, %(seq)d, "%(query)s"];
const report = (fact) => console.log(JSON.stringify(fact));
const BASE = %(base)r;
let session = %(session)s;
const handle = (change) => report({ name: "log", next: { data: { changes: change } } });
const stopped = (code) => report({ stopped: code });
report({ started: true });
"""


async def sign_in(server: LiveServer) -> Any:
    """Return what `login` answers, to a device of its own name."""
    async with httpx.AsyncClient(base_url=server.url, headers={"User-Agent": "readme"}) as client:
        who = {"email": server.admin_email, "password": server.admin_password}
        return (await client.post("/api/auth/login", json=who)).json()


async def write_program(path: Path, server: LiveServer, caller: Caller) -> None:
    """Put the README's parts together, signed in, to go on after the present end of the log."""
    imports, body = blocks("mjs")[0].split("\n\n", 1)
    known = {
        "workspace": caller.workspace,
        "seq": await caller.seq(),
        "query": " ".join(blocks("graphql")[0].split()),
        "base": server.url,
        "session": json.dumps(await sign_in(server)),
    }
    program = body.replace("ws://127.0.0.1:8000", server.url.replace("http", "ws"))
    path.write_text("\n".join([imports, PRELUDE % known, *blocks("javascript"), program]))


async def test_the_readmes_program_misses_nothing_when_the_server_is_killed(
    start_node: StartNode, sqlite_url: str, tmp_path: Path
) -> None:
    port = free_port()
    async with serve(sqlite_url, tmp_path, port=port) as server, calling(server) as caller:
        start = await caller.seq()
        await write_program(tmp_path / "readme.mjs", server, caller)
        async with start_node("readme.mjs") as node:
            await caller.create_items("Rake", "Spade")
            await node.reach("log", start + 2)
            server.kill()
            await server.process.wait()
            async with serve(sqlite_url, tmp_path, port=port) as again, calling(again) as later:
                await later.create_items("Hoe")
                await node.reach("log", start + 3)
            assert node.seqs("log") == [start + 1, start + 2, start + 3]
            assert not any("stopped" in report for report in node.reports)


async def test_the_readmes_program_goes_on_when_its_tokens_expire(
    start_node: StartNode, sqlite_url: str, tmp_path: Path
) -> None:
    async with serve(sqlite_url, tmp_path, ACCESS_TOKEN_SECONDS="4") as server, calling(server) as caller:
        caller.use(caller.token_for(seconds=600))
        start = await caller.seq()
        await write_program(tmp_path / "readme.mjs", server, caller)

        async def outlived_its_first_token() -> bool:
            sessions = (await caller.get("/api/auth/sessions"))["data"]
            [session] = [one for one in sessions if one["device"] in ("readme", "node")]
            return bool(session["last_used_at"] > plus(session["created_at"], seconds=6))

        async with start_node("readme.mjs") as node:
            await until(outlived_its_first_token)
            await caller.create_items("Hoe")
            await node.reach("log", start + 1)
            assert not any("stopped" in report for report in node.reports)


def plus(moment: str, *, seconds: int) -> str:
    return format_moment(datetime.fromisoformat(moment) + timedelta(seconds=seconds))
