"""The REST documentation in a real browser: a new user executes what it begins with."""

import json
from typing import Any

from playwright.async_api import Locator, Page, Response, expect

from tests.browser.visit import Visit
from tests.live import LiveServer


async def execute(page: Page, operation: str, **path: str) -> tuple[Response, Locator]:
    """Execute an operation as it is pre-filled, but for what is in its path."""
    block = page.locator(f"[id$='-{operation}'].opblock")
    await block.locator(".opblock-summary").click()
    await block.get_by_role("button", name="Try it out").click()
    for name, value in path.items():
        await block.locator(f"tr[data-param-name='{name}'] input").fill(value)
    async with page.expect_response(lambda response: response.request.resource_type == "fetch") as executing:
        await block.get_by_role("button", name="Execute").click()
    return await executing.value, block


async def test_a_new_user_executes_what_is_filled_in(visit: Visit) -> None:
    page = visit.page
    await page.goto(f"{visit.server.url}/docs")

    async def done(operation: str, status: int, **path: str) -> Any:
        response, block = await execute(page, operation, **path)
        assert response.status == status, await response.text()
        await expect(block.locator(".live-responses-table .response-col_status").last).to_contain_text(f"{status}")
        return await response.json()

    await done("create_user", 201)
    token = (await done("login", 200))["access_token"]
    await page.get_by_role("button", name="Authorize").first.click()
    await page.locator(".auth-container input").fill(token)
    await page.locator(".auth-btn-wrapper button[type=submit]").click()
    await page.locator(".auth-btn-wrapper .btn-done").click()

    item = await done("create_item", 201)
    assert (await done("list_items", 200))["data"] == [item]
    assert (await done("update_item", 200, id=item["id"]))["version"] == 2
    await visit.screenshot("docs")


async def test_without_its_scripts_the_page_says_so(live_server: LiveServer, page: Page) -> None:
    await page.route("https://cdn.jsdelivr.net/**", lambda route: route.abort())
    await page.goto(f"{live_server.url}/docs")
    docs = page.locator("#docs")
    await expect(docs).to_contain_text(
        "The scripts of this page could not be loaded from https://cdn.jsdelivr.net/npm."
    )
    await expect(docs).to_contain_text("ASSETS_URL")
    await docs.get_by_role("link", name="openapi.json").click()
    document = json.loads(await page.locator("body").inner_text())
    assert document["info"]["title"] == "Twofold"
