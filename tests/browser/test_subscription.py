"""A subscription in GraphiQL, while somebody else makes the changes by REST."""

from contextlib import AsyncExitStack
from pathlib import Path

from playwright.async_api import expect

from tests.browser.visit import Visit, visiting
from tests.clients.caller import calling
from tests.live import LiveServer, free_port, serve


async def test_the_watch_tab_shows_changes_made_by_rest_until_sign_out(visit: Visit, live_server: LiveServer) -> None:
    page = visit.page
    result = page.locator(".graphiql-response .CodeMirror")
    async with calling(live_server) as caller:
        start = await caller.seq()
        await visit.open()
        await visit.sign_in_as_admin()
        tab = page.get_by_role("tab", name="Watch")
        await tab.click()
        await expect(page.locator(".graphiql-editor-tool .CodeMirror").first).to_contain_text(caller.workspace)
        async with page.expect_websocket() as opening:
            await page.get_by_role("button", name="Execute query").click()
        await expect(result).to_contain_text('"kind": "READY"')
        await expect(result).to_contain_text(f'"seq": {start}')

        await caller.create_items("Made by REST")
        await expect(result).to_contain_text('"title": "Made by REST"')
        await expect(result).to_contain_text('"kind": "CREATED"')
        await expect(result).to_contain_text(f'"seq": {start + 1}')
        await visit.screenshot("graphiql-subscription")

        socket = await opening.value
        assert not socket.is_closed()
        async with socket.expect_event("close"):
            await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("button", name="Execute query")).to_be_visible()
        await caller.create_items("Made after sign-out")
        await expect(page.get_by_role("status")).to_have_text("Signed out.")
        await expect(result).not_to_contain_text("Made after sign-out")
        await visit.screenshot("graphiql-subscription-ended")


async def test_the_watch_tab_goes_on_after_the_server_was_killed_and_misses_nothing(
    sqlite_url: str, tmp_path: Path
) -> None:
    port = free_port()
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serve(sqlite_url, tmp_path, port=port))
        visit = await stack.enter_async_context(visiting(server))
        page = visit.page
        result = page.locator(".graphiql-response .CodeMirror")
        await visit.open()
        await visit.sign_in_as_admin()
        await page.get_by_role("tab", name="Watch").click()
        async with calling(server) as caller:
            start = await caller.seq()
            await expect(page.locator(".graphiql-editor-tool .CodeMirror").first).to_contain_text(caller.workspace)
            await page.get_by_role("button", name="Execute query").click()
            await expect(result).to_contain_text(f'"seq": {start}')
            server.kill()
            await server.process.wait()
        server = await stack.enter_async_context(serve(sqlite_url, tmp_path, port=port))
        async with calling(server) as caller:
            await caller.create_items("Made while it was away")
            await expect(result).to_contain_text("Made while it was away", timeout=20_000)
            await expect(result).to_contain_text(f'"seq": {start + 1}')
        # The browser says aloud that the server was away.
        visit.problems = [problem for problem in visit.problems if "WebSocket" not in problem]
