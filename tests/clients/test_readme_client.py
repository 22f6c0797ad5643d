"""The README's program for `graphql-ws`: nothing is missed or doubled when the server is killed."""

from pathlib import Path

from tests.clients.caller import calling
from tests.clients.conftest import StartNode
from tests.live import free_port, serve
from tests.test_readme import blocks

PRELUDE = """
globalThis.WebSocket = (await import("ws")).default;
const [workspaceId, seq, WATCH] = [%(workspace)r, %(seq)d, "%(query)s"];
const report = (fact) => console.log(JSON.stringify(fact));
const token = async () => %(token)r;
const handle = (change) => report({ name: "log", next: { data: { changes: change } } });
const stopped = (code) => report({ stopped: code });
report({ started: true });
"""


async def test_the_readmes_program_misses_nothing_when_the_server_is_killed(
    start_node: StartNode, sqlite_url: str, tmp_path: Path
) -> None:
    port = free_port()
    imports, body = blocks("mjs")[0].split("\n\n", 1)
    query = " ".join(blocks("graphql")[0].split())
    async with serve(sqlite_url, tmp_path, port=port) as server, calling(server) as caller:
        start = await caller.seq()
        known = {"workspace": caller.workspace, "seq": start, "query": query, "token": caller.token}
        program = body.replace("ws://127.0.0.1:8000", server.url.replace("http", "ws"))
        (tmp_path / "readme.mjs").write_text(f"{imports}\n{PRELUDE % known}\n{program}")
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
