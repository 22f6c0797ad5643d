"""A browser's own `EventSource` on the REST stream: it resumes by itself, and is told why a stream ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Page, Route

from tests.browser.visit import open_app
from tests.clients.caller import Caller, calling
from tests.live import LiveServer, serve
from tests.test_readme import blocks

PATIENCE_MILLISECONDS = 15_000

WATCH = """url => {
  window.heard = [];
  window.drops = 0;
  window.endings = [];
  const source = window.source = new EventSource(url);
  const hear = (event) => heard.push([event.type, Number(event.lastEventId), JSON.parse(event.data)]);
  for (const kind of ["ready", "created", "updated", "deleted", "restored"]) source.addEventListener(kind, hear);
  source.addEventListener("error", (event) => {
    // The server's own last word has data; without data the browser speaks of the connection.
    if (event.data === undefined) window.drops += 1;
    else {
      endings.push(JSON.parse(event.data));
      source.close();
    }
  });
}"""


class Wire:
    """A way to the server that can be cut."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writers: set[asyncio.StreamWriter] = set()
        self.url = ""

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect a caller with the server until one of them hangs up."""
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._port)
        ends = {writer, server_writer}
        self._writers |= ends
        try:
            await asyncio.gather(_pump(reader, server_writer), _pump(server_reader, writer))
        finally:
            self._writers -= ends

    def cut(self) -> None:
        """Drop every connection, without a goodbye."""
        for writer in self._writers:
            writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def wired(server: LiveServer) -> AsyncIterator[Wire]:
    """Give a wire to the server; it is an address of its own."""
    wire = Wire(int(server.url.rpartition(":")[2]))
    listener = await asyncio.start_server(wire.carry, "127.0.0.1", 0)
    wire.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield wire
    finally:
        listener.close()
        wire.cut()


async def _watch(page: Page, caller: Caller, base: str) -> None:
    """Open the stream with a ticket, on a page of the same origin."""
    if not page.url.startswith(base):
        await open_app(page, base)
    ticket = (await caller.post("/api/auth/stream-ticket", workspace_id=caller.workspace))["ticket"]
    await page.evaluate(WATCH, f"/api/workspaces/{caller.workspace}/changes/stream?ticket={ticket}")


async def _until(page: Page, condition: str) -> None:
    await page.wait_for_function(condition, timeout=PATIENCE_MILLISECONDS)


async def test_after_a_cut_the_browser_goes_on_by_itself_where_it_was(page: Page, live_server: LiveServer) -> None:
    async with calling(live_server) as caller, wired(live_server) as wire:
        start = await caller.seq()
        await _watch(page, caller, wire.url)
        await _until(page, "heard.length === 1")
        [rake, spade] = await caller.create_items("Rake", "Spade")
        await _until(page, "heard.length === 3")

        wire.cut()
        await _until(page, "drops === 1")
        await caller.update_item(rake, title="Large rake")
        await caller.delete_item(spade)
        await _until(page, "heard.length === 5")

        await caller.post(f"/api/items/{spade}/restore")
        await _until(page, "heard.length === 6")
        wire.cut()
        await _until(page, "drops === 2")
        await caller.create_items("Hoe")
        await _until(page, "heard.length === 7")

        heard: list[list[Any]] = await page.evaluate("heard")
        kinds = ["ready", "created", "created", "updated", "deleted", "restored", "created"]
        assert [(kind, seq) for kind, seq, _ in heard] == list(zip(kinds, range(start, start + 7), strict=True))
        assert heard[0][2] == {"seq": start}
        titles = ["Rake", "Spade", "Large rake", "Spade", "Spade", "Hoe"]
        assert [data["state"]["title"] for _, _, data in heard[1:]] == titles
        assert await page.evaluate("endings") == []


async def test_a_stream_that_outlives_its_ticket_ends_with_the_code(page: Page, live_server: LiveServer) -> None:
    async with calling(live_server) as caller, calling(live_server) as soon_gone:
        start = await caller.seq()
        await open_app(page, live_server.url)
        soon_gone.use(caller.token_for(seconds=4))
        await _watch(page, soon_gone, live_server.url)
        await _until(page, "endings.length === 1")
        message = "The access token has expired. Refresh the session, or sign in again."
        [ending] = await page.evaluate("endings")
        assert len(ending.pop("request_id")) == 32
        assert ending == {"code": "UNAUTHENTICATED", "message": message, "details": {}}
        assert await page.evaluate("heard") == [["ready", start, {"seq": start}]]
        await caller.create_items("Rake")

        # A ticket that has expired opens nothing, and the browser does not try again.
        await page.evaluate(WATCH, await page.evaluate("source.url"))
        await _until(page, "drops === 1")
        assert await page.evaluate("[heard, source.readyState]") == [[], 2]


README_PAGE = """([script, workspace, token, start]) => {
  window.workspaceId = workspace;
  window.seq = start;
  window.heard = [];
  window.calls = [];
  window.codes = [];
  window.handle = (kind, data) => heard.push([kind, data.seq]);
  window.stopped = (code) => codes.push(code);
  window.call = async (method, path, body) => {
    calls.push(path);
    const headers = {"Content-Type": "application/json", Authorization: `Bearer ${token}`};
    const response = await fetch(path, {method, headers, body: body && JSON.stringify(body)});
    const answer = await response.json();
    if (!response.ok) throw answer.error;
    return answer;
  };
  const element = document.createElement("script");
  element.textContent = script;
  document.body.append(element);
}"""
TICKETS = "calls.filter((path) => path.endsWith('/stream-ticket')).length"


async def test_the_readmes_program_survives_cuts_old_tickets_and_a_proxy_without_a_server(
    page: Page, sqlite_url: str, tmp_path: Path
) -> None:
    [script] = blocks("js", about="EventSource")
    async with serve(sqlite_url, tmp_path) as server, calling(server) as caller, wired(server) as wire:
        start = await caller.seq()
        await open_app(page, wire.url)
        await page.evaluate(README_PAGE, [script, caller.workspace, caller.token, start])
        await caller.create_items("Rake")
        await _until(page, "heard.length === 1")
        wire.cut()
        await caller.create_items("Spade")
        await _until(page, "heard.length === 2")
        assert await page.evaluate(TICKETS) == 1

        # That a ticket is too old the browser learns from a refusal alone.
        await page.route("**/changes/stream*", _refuse_once)
        wire.cut()
        await caller.create_items("Hoe")
        await _until(page, "heard.length === 3")
        assert await page.evaluate(TICKETS) == 2

        # A proxy whose server is away answers everything with a page of its own.
        await page.route("**/api/**", _answer_like_a_proxy)
        wire.cut()
        await _until(page, "calls.length > 5")
        await page.unroute("**/api/**", _answer_like_a_proxy)
        await caller.create_items("Sieve")
        await _until(page, "heard.length === 4")
        assert await page.evaluate("heard") == [["created", start + number] for number in (1, 2, 3, 4)]
        assert await page.evaluate("codes") == []


async def test_the_readmes_program_says_why_it_stops(page: Page, live_server: LiveServer) -> None:
    [script] = blocks("js", about="EventSource")
    async with calling(live_server) as caller:
        await open_app(page, live_server.url)
        for token, start, code in (
            ("no token", 0, "UNAUTHENTICATED"),
            (caller.token, 1_000_000, "BAD_REQUEST"),
            (caller.token_for(seconds=3), 0, "UNAUTHENTICATED"),
        ):
            await page.evaluate(README_PAGE, [script, caller.workspace, token, start])
            await _until(page, "codes.length === 1")
            assert await page.evaluate("codes") == [code]
        assert await page.evaluate("heard.map(([, seq]) => seq)") == list(range(1, await caller.seq() + 1))


async def _refuse_once(route: Route) -> None:
    await route.fulfill(status=401)
    await route.request.frame.page.unroute("**/changes/stream*", _refuse_once)


async def _answer_like_a_proxy(route: Route) -> None:
    await route.fulfill(status=502, content_type="text/html", body="<h1>Bad gateway</h1>")
