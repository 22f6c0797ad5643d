"""The GraphiQL page in a real browser, against the running application."""

import os
import shutil
from collections.abc import AsyncIterator
from typing import Any, NoReturn, Protocol

import pytest
from playwright.async_api import ConsoleMessage, Page, Request, Response, async_playwright, expect

from graphql_schema.graphiql import ASSETS, DEFAULT_CDN, content_security_policy, graphiql_page
from tests.browser.assets import CACHE, AssetError, serve_assets

SCREENSHOTS = CACHE.parent / "screenshots"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LOGIN_PATH = "/api/auth/login"
A_YEAR = 365 * 24 * 3600 * 1000  # in milliseconds
NONCE = "0123456789abcdefABCDEF"


class LiveServer(Protocol):
    """What these tests need of the fixture that runs the application."""

    url: str
    admin_email: str
    admin_password: str


class Visit:
    """An open page, the steps a user takes on it, and all that went wrong meanwhile."""

    def __init__(self, page: Page, server: LiveServer) -> None:
        self.page = page
        self.server = server
        self.problems: list[str] = []
        page.on("console", self._note_console)
        page.on("pageerror", lambda error: self.problems.append(f"script error: {error}"))
        page.on("requestfailed", self._note_failure)
        page.on("response", self._note_status)

    def _note_console(self, message: ConsoleMessage) -> None:
        # A refused sign-in is part of the tests, and Chromium reports every 4xx on its own.
        if message.type == "error" and LOGIN_PATH not in message.location["url"]:
            self.problems.append(f"console: {message.text}")

    def _note_failure(self, request: Request) -> None:
        self.problems.append(f"not loaded: {request.url} ({request.failure})")

    def _note_status(self, response: Response) -> None:
        if response.status >= 400 and not response.url.endswith(LOGIN_PATH):
            self.problems.append(f"HTTP {response.status}: {response.url}")

    async def open(self) -> None:
        await self.page.goto(f"{self.server.url}/graphql")
        await expect(self.page.get_by_role("tab", name="WhoAmI")).to_be_visible()
        await expect(self.page.locator(".graphiql-query-editor .CodeMirror")).to_be_visible()

    async def sign_in(self, password: str) -> None:
        await self.page.get_by_label("E-mail").fill(self.server.admin_email)
        await self.page.get_by_label("Password").fill(password)
        await self.page.get_by_role("button", name="Sign in").click()

    async def sign_in_as_admin(self) -> dict[str, Any]:
        """Sign in, and return the account the page has loaded about it."""
        async with self.page.expect_response(_answers("{ me {")) as loading:
            await self.sign_in(self.server.admin_password)
        account: dict[str, Any] = (await (await loading.value).json())["data"]["me"]
        await expect(self.page.get_by_text(f"Signed in as {account['name']}")).to_be_visible()
        return account

    async def run_tab(self, name: str, shown: str) -> tuple[dict[str, Any], Request]:
        """Run the tab called ``name``; its result has to show the text ``shown``.

        Returns the body of the response, and the request.
        """
        tab = self.page.get_by_role("tab", name=name)
        await tab.click()
        await expect(tab).to_have_attribute("aria-selected", "true")
        async with self.page.expect_response(_answers(f" {name}")) as running:
            await self.page.get_by_role("button", name="Execute query").click()
        response = await running.value
        await expect(self.page.locator(".graphiql-response .CodeMirror")).to_contain_text(shown)
        body: dict[str, Any] = await response.json()
        return body, response.request

    async def screenshot(self, name: str) -> None:
        await self.page.screenshot(path=SCREENSHOTS / f"{name}.png")


def _answers(text: str) -> Any:
    """A check for the response to the GraphQL request whose document contains ``text``."""

    def matches(response: Response) -> bool:
        request = response.request
        return request.method == "POST" and text in (request.post_data or "")

    return matches


def _cannot_run(reason: str) -> NoReturn:
    # On a developer's machine the browser is optional; in CI a skipped test would go unnoticed.
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
async def visit(live_server: LiveServer) -> AsyncIterator[Visit]:
    """A fresh browser on an empty page; the test fails if anything went wrong on it."""
    chromium = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if chromium is None:
        _cannot_run(f"no browser: none of {', '.join(CHROMIUM_NAMES)} is installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        page = await browser.new_page(viewport={"width": 1280, "height": 800})
        try:
            await serve_assets(page, DEFAULT_CDN, ASSETS)
        except AssetError as error:
            _cannot_run(f"GraphiQL's files are not available: {error}")
        result = Visit(page, live_server)
        yield result
        await browser.close()
    assert result.problems == []


async def test_docs_load_without_signing_in(visit: Visit) -> None:
    await visit.open()
    await visit.page.get_by_role("button", name="Show Documentation Explorer").click()
    docs = visit.page.locator(".graphiql-plugin")
    await docs.get_by_role("link", name="Query", exact=True).click()
    await expect(docs.get_by_role("link", name="me", exact=True)).to_be_visible()
    await visit.screenshot("graphiql-docs")


async def test_running_a_tab_too_early_asks_to_sign_in(visit: Visit) -> None:
    await visit.open()
    body, request = await visit.run_tab("ChangeLog", shown="UNAUTHENTICATED")
    assert body["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert "authorization" not in await request.all_headers()


async def test_a_wrong_password_is_explained_in_the_bar(visit: Visit) -> None:
    await visit.open()
    async with visit.page.expect_response(f"**{LOGIN_PATH}") as refusing:
        await visit.sign_in("not the password")
    problem = await (await refusing.value).json()
    await expect(visit.page.get_by_role("status")).to_have_text(problem["error"]["message"])
    await expect(visit.page.get_by_label("Password")).to_be_focused()
    await visit.screenshot("graphiql-refused")


async def test_all_tabs_work_after_signing_in(visit: Visit) -> None:
    await visit.open()
    account = await visit.sign_in_as_admin()
    workspace = account["personalWorkspaceId"]

    body, request = await visit.run_tab("WhoAmI", shown=visit.server.admin_email)
    assert body["data"]["me"]["personalWorkspaceId"] == workspace
    assert (await request.all_headers())["authorization"].startswith("Bearer ")

    body, _ = await visit.run_tab("CreateItem", shown="My first item")
    item = body["data"]["createItem"]
    body, request = await visit.run_tab("ListItems", shown=item["id"])
    assert workspace in (request.post_data or "")
    assert body["data"]["items"]["nodes"][0]["owner"]["name"] == account["name"]

    body, request = await visit.run_tab("ChangeLog", shown=workspace)
    assert workspace in (request.post_data or "")
    assert item["id"] in [change["entityId"] for change in body["data"]["changes"]["nodes"]]
    await visit.screenshot("graphiql-signed-in")


async def test_signing_out_takes_the_token_away_and_a_reload_does_not(visit: Visit) -> None:
    await visit.open()
    account = await visit.sign_in_as_admin()
    await visit.page.reload()
    await expect(visit.page.get_by_role("tab")).to_have_count(4)
    await expect(visit.page.get_by_text(f"Signed in as {account['name']}")).to_be_visible()

    await visit.page.get_by_role("button", name="Sign out").click()
    await expect(visit.page.get_by_role("status")).to_have_text("Signed out.")
    await expect(visit.page.get_by_label("E-mail")).to_be_focused()
    _, request = await visit.run_tab("WhoAmI", shown="UNAUTHENTICATED")
    assert "authorization" not in await request.all_headers()


async def test_an_expired_session_returns_to_the_sign_in_box(visit: Visit) -> None:
    await visit.page.clock.install()
    await visit.open()
    await visit.sign_in_as_admin()
    await visit.page.clock.fast_forward(A_YEAR)
    await expect(visit.page.get_by_role("status")).to_contain_text("has expired")
    await expect(visit.page.get_by_role("button", name="Sign in")).to_be_visible()


def test_values_cannot_break_out_of_the_page() -> None:
    page = graphiql_page(
        graphql_path="/</script><b>",
        login_path='/"><i>',
        cdn=DEFAULT_CDN,
        app_name="<u>{{CONFIG}}",
        nonce=NONCE,
    )
    assert "</script><b>" not in page
    assert '"><i>' not in page
    assert "<title>&lt;u&gt;{{CONFIG}} · GraphQL</title>" in page


def test_every_script_and_style_is_pinned() -> None:
    cdn = "https://mirror.example/npm"
    page = graphiql_page(graphql_path="/graphql", login_path=LOGIN_PATH, cdn=cdn, app_name="Twofold", nonce=NONCE)
    policy = content_security_policy(cdn=cdn, nonce=NONCE)
    for asset in ASSETS:
        tag = f'"{asset.url(cdn)}" nonce="{NONCE}" integrity="{asset.integrity}"'
        assert tag in page
        assert asset.url(cdn) in policy
    assert page.count("integrity=") == len(ASSETS)
    assert "unsafe-" not in policy


@pytest.mark.parametrize("cdn", ["https://a.example; script-src *", "//a.example", "ftp://a", ""])
def test_an_address_that_would_change_the_policy_is_refused(cdn: str) -> None:
    with pytest.raises(ValueError, match="address"):
        content_security_policy(cdn=cdn, nonce=NONCE)
