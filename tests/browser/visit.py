"""A browser on the pages of a live server, and the steps that a user takes on them."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, Request, Response, async_playwright, expect

from api import docs_page
from api.core.assets import DEFAULT_CDN
from graphql_schema.door.graphiql import ASSETS
from tests.browser.assets import CACHE, AssetError, serve_assets
from tests.live import LiveServer

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
REFRESH_PATH = "/api/auth/refresh"
REFUSING_PATHS = (LOGIN_PATH, f"{LOGIN_PATH}/complete", REFRESH_PATH, "/api/users")


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
        # Refused sign-ins are part of the tests, and Chromium reports every 4xx on its own.
        if message.type == "error" and not message.location["url"].endswith(REFUSING_PATHS):
            self.problems.append(f"console: {message.text}")

    def _note_failure(self, request: Request) -> None:
        self.problems.append(f"not loaded: {request.url} ({request.failure})")

    def _note_status(self, response: Response) -> None:
        if response.status >= 400 and not response.url.endswith(REFUSING_PATHS):
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


async def open_app(page: Page, origin: str) -> None:
    """Open an empty page of an app at this origin; what the server itself answers there lets no script connect."""
    address = f"{origin}/an-app"
    await page.route(address, lambda route: route.fulfill(content_type="text/html", body="<!doctype html><p>App"))
    await page.goto(address)


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


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Give a fresh browser; without one the test is skipped."""
    program = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if program is None:
        _cannot_run(f"no browser: none of {', '.join(CHROMIUM_NAMES)} is installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=CHROMIUM_FLAGS)
        yield browser
        await browser.close()


@asynccontextmanager
async def visiting(server: LiveServer) -> AsyncIterator[Visit]:
    """Give a fresh browser on an empty page; the test fails if anything went wrong on it."""
    async with chromium() as browser:
        page = await browser.new_page(viewport={"width": 1280, "height": 800})
        try:
            await serve_assets(page, DEFAULT_CDN, (*ASSETS, *docs_page.ASSETS))
        except AssetError as error:
            _cannot_run(f"the pages' files are not available: {error}")
        result = Visit(page, server)
        yield result
    assert result.problems == [], result.problems
