"""GraphiQL's button: there and back again in a real browser."""

import json
from pathlib import Path

import httpx
from playwright.async_api import expect

from tests.browser.visit import visiting
from tests.clients.packages import PackageError, go_without
from tests.live import free_port, serve
from tests.oidc.browsers import ADA
from tests.oidc.real_provider import SECRET, real_provider

PATIENCE = 20_000
"""Milliseconds for a page to load, which it has to do three times."""


async def test_the_bar_signs_in_with_the_provider(sqlite_url: str, tmp_path: Path) -> None:
    port = free_port()
    page_address = f"http://127.0.0.1:{port}/graphql"
    try:
        with real_provider(page_address) as provider:
            await there_and_back(provider.issuer, page_address, port, sqlite_url, tmp_path)
    except PackageError as error:
        go_without(error)


async def there_and_back(issuer: str, page_address: str, port: int, database_url: str, folder: Path) -> None:
    settings = {
        "OIDC_ISSUER": issuer,
        "OIDC_CLIENT_ID": "twofold",
        "OIDC_CLIENT_SECRET": SECRET,
        "OIDC_REDIRECT_URIS": page_address,
        "OIDC_NAME": "Example & Sons",
    }
    async with serve(database_url, folder, port=port, **settings) as server, visiting(server) as visit:
        async with httpx.AsyncClient() as client:
            await client.get(f"{issuer}/people", params={"is": json.dumps(ADA)})
        page = visit.page
        # What the provider's own page would have from elsewhere.
        await page.route("https://fonts.googleapis.com/**", lambda route: route.fulfill(body=""))
        button = page.get_by_role("button", name="Sign in with Example & Sons")
        # Somebody else's way back, opened in this browser, says nothing and signs nobody in.
        await page.goto(f"{page_address}?code=stolen&state=foreign")
        await expect(page.get_by_role("tab", name="WhoAmI")).to_be_visible(timeout=PATIENCE)
        await expect(page.get_by_role("status")).to_have_text("")
        await page.wait_for_load_state("networkidle")
        await button.click()
        # Who changes their mind there is told so, and the address is clean.
        await page.get_by_role("link", name="[ Cancel ]").click()
        await expect(page.get_by_role("status")).to_have_text(
            "The provider did not sign you in (access_denied).", timeout=PATIENCE
        )
        assert page.url == page_address
        await page.wait_for_load_state("networkidle")
        await button.click()
        await page.get_by_placeholder("Enter any login").fill("ada")
        await page.get_by_placeholder("and password").fill("any")
        await page.get_by_role("button", name="Sign-in").click()
        await expect(page.get_by_text("Signed in as Ada")).to_be_visible(timeout=PATIENCE)
        assert page.url == page_address
        body, _ = await visit.run_tab("WhoAmI", shown="ada@example.com")
        assert body["data"]["me"]["email"] == "ada@example.com"
        await visit.screenshot("graphiql-provider")
