"""The GraphiQL page in a real browser, against the running application."""

from uuid import uuid4

import httpx
import pyotp
import pytest
from playwright.async_api import expect

from api.core.assets import DEFAULT_CDN, content_security_policy
from graphql_schema.door.graphiql import ASSETS, graphiql_page
from tests.browser.visit import LOGIN_PATH, REFRESH_PATH, Visit

A_YEAR = 365 * 24 * 3600 * 1000  # in milliseconds
NONCE = "0123456789abcdefABCDEF"


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
    await expect(visit.page.get_by_role("tab")).to_have_count(5)
    await expect(visit.page.get_by_text(f"Signed in as {account['name']}")).to_be_visible()

    await visit.page.get_by_role("button", name="Sign out").click()
    await expect(visit.page.get_by_role("status")).to_have_text("Signed out.")
    await expect(visit.page.get_by_label("E-mail")).to_be_focused()
    _, request = await visit.run_tab("WhoAmI", shown="UNAUTHENTICATED")
    assert "authorization" not in await request.all_headers()


async def test_the_page_refreshes_its_session_by_itself(visit: Visit) -> None:
    await visit.page.clock.install()
    await visit.open()
    account = await visit.sign_in_as_admin()
    _, before = await visit.run_tab("WhoAmI", shown=account["name"])
    async with visit.page.expect_response(f"**{REFRESH_PATH}") as refreshing:
        await visit.page.clock.fast_forward(A_YEAR)
    tokens = await (await refreshing.value).json()
    await expect(visit.page.get_by_text(f"Signed in as {account['name']}")).to_be_visible()
    _, after = await visit.run_tab("WhoAmI", shown=account["name"])
    headers = [(await request.all_headers())["authorization"] for request in (before, after)]
    assert headers[0] != headers[1] == f"Bearer {tokens['access_token']}"


async def test_a_session_that_was_ended_elsewhere_returns_to_the_sign_in_box(visit: Visit) -> None:
    await visit.page.clock.install()
    await visit.open()
    await visit.sign_in_as_admin()
    async with httpx.AsyncClient(base_url=visit.server.url) as client:
        who = {"email": visit.server.admin_email, "password": visit.server.admin_password}
        token = (await client.post(LOGIN_PATH, json=who)).json()["access_token"]
        await client.delete("/api/auth/sessions", headers={"Authorization": f"Bearer {token}"})
    await visit.page.clock.fast_forward(A_YEAR)
    await expect(visit.page.get_by_role("status")).to_contain_text("has expired")
    await expect(visit.page.get_by_role("button", name="Sign in")).to_be_visible()


async def test_signing_out_ends_the_session_at_the_server(visit: Visit) -> None:
    await visit.open()
    await visit.sign_in_as_admin()
    _, request = await visit.run_tab("WhoAmI", shown="admin")
    header = (await request.all_headers())["authorization"]
    async with visit.page.expect_response("**/api/auth/logout") as leaving:
        await visit.page.get_by_role("button", name="Sign out").click()
    assert (await leaving.value).status == 204
    async with httpx.AsyncClient(base_url=visit.server.url) as client:
        assert (await client.get("/api/users/me", headers={"Authorization": header})).status_code == 401


async def test_who_has_no_account_signs_up_in_the_bar(visit: Visit) -> None:
    address = f"{uuid4().hex}@example.com"
    await visit.open()
    page = visit.page
    await page.get_by_role("button", name="Sign up").click()
    await page.get_by_label("Name").fill("Ada")
    await page.get_by_label("E-mail").fill(address)
    await page.get_by_label("Password").fill("short")
    await page.get_by_role("button", name="Sign up").click()
    await expect(page.get_by_role("status")).to_contain_text("It must have at least 8 characters")
    await page.get_by_label("Password").fill("Analytical1")
    await page.get_by_role("button", name="Sign up").click()
    await expect(page.get_by_text("Signed in as Ada")).to_be_visible()
    body, _ = await visit.run_tab("WhoAmI", shown=address)
    assert body["data"]["me"]["name"] == "Ada"


async def test_the_bar_asks_for_the_second_step(visit: Visit) -> None:
    account = {"name": "Grace", "email": f"{uuid4().hex}@example.com", "password": "Analytical1"}
    credentials = {key: account[key] for key in ("email", "password")}
    async with httpx.AsyncClient(base_url=visit.server.url) as client:
        await client.post("/api/users", json={**account, "password_confirm": account["password"]})
        token = (await client.post(LOGIN_PATH, json=credentials)).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        begun = (await client.post("/api/auth/two-step", json={"current_password": account["password"]})).json()
        code = pyotp.TOTP(begun["secret"]).now()
        recovery_codes = (await client.post("/api/auth/two-step/enable", json={"code": code})).json()["codes"]

    page = visit.page
    await visit.open()
    await page.get_by_label("E-mail").fill(account["email"])
    await page.get_by_label("Password").fill(account["password"])
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_label("Code")).to_be_focused()
    await expect(page.get_by_role("status")).to_contain_text("Now enter the code")
    await expect(page.get_by_label("Password")).to_be_hidden()
    await visit.screenshot("graphiql-second-step")

    await page.get_by_label("Code").fill(code)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("status")).to_contain_text("It is wrong, or was used already")
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.get_by_label("Password")).to_be_focused()
    await expect(page.get_by_label("Code")).to_be_hidden()

    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_label("Code").fill(recovery_codes[0])
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_text("Signed in as Grace")).to_be_visible()


async def test_an_api_key_takes_the_place_of_a_sign_in(visit: Visit) -> None:
    credentials = {"email": visit.server.admin_email, "password": visit.server.admin_password}
    async with httpx.AsyncClient(base_url=visit.server.url) as client:
        token = (await client.post(LOGIN_PATH, json=credentials)).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        key = (await client.post("/api/auth/api-keys", json={"name": "Try"})).json()["key"]
        name = (await client.get("/api/users/me")).json()["name"]

    page = visit.page
    await visit.open()
    await page.get_by_role("button", name="API key").click()
    await expect(page.get_by_label("API key")).to_be_focused()
    await expect(page.get_by_label("Password")).to_be_hidden()
    await page.get_by_label("API key").fill("twofold_" + "0" * 36)
    await page.get_by_role("button", name="Use").click()
    await expect(page.get_by_role("status")).to_contain_text("API key")
    await expect(page.get_by_label("Password")).to_be_visible()

    await page.get_by_role("button", name="API key").click()
    await page.get_by_label("API key").fill(f" {key} ")
    await page.get_by_role("button", name="Use").click()
    await expect(page.get_by_text(f"Signed in as {name}")).to_be_visible()
    await page.reload()
    body, request = await visit.run_tab("WhoAmI", shown=visit.server.admin_email)
    assert (await request.all_headers())["authorization"] == f"Bearer {key}"
    # It reads, and the page says so.
    body, _ = await visit.run_tab("CreateItem", shown="This API key may only read.")
    assert body["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    # Whoever signs out takes it from the page alone.
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_label("E-mail")).to_be_focused()
    _, request = await visit.run_tab("WhoAmI", shown="UNAUTHENTICATED")
    assert "authorization" not in await request.all_headers()
    async with httpx.AsyncClient(base_url=visit.server.url) as client:
        assert (await client.get("/api/users/me", headers={"Authorization": f"Bearer {key}"})).status_code == 200


def test_values_cannot_break_out_of_the_page() -> None:
    page = graphiql_page(
        graphql_path="/</script><b>",
        api_path='/"><i>',
        cdn=DEFAULT_CDN,
        app_name="<u>{{CONFIG}}",
        nonce=NONCE,
    )
    assert "</script><b>" not in page
    assert '"><i>' not in page
    assert "<title>&lt;u&gt;{{CONFIG}} · GraphQL</title>" in page


def test_every_script_and_style_is_pinned() -> None:
    cdn = "https://mirror.example/npm"
    page = graphiql_page(graphql_path="/graphql", api_path="/api", cdn=cdn, app_name="Twofold", nonce=NONCE)
    policy = content_security_policy(ASSETS, cdn=cdn, nonce=NONCE)
    for asset in ASSETS:
        tag = f'"{asset.url(cdn)}" nonce="{NONCE}" integrity="{asset.integrity}"'
        assert tag in page
        assert asset.url(cdn) in policy
    assert page.count("integrity=") == len(ASSETS)
    assert "unsafe-" not in policy


@pytest.mark.parametrize("cdn", ["https://a.example; script-src *", "//a.example", "ftp://a", ""])
def test_an_address_that_would_change_the_policy_is_refused(cdn: str) -> None:
    with pytest.raises(ValueError, match="address"):
        content_security_policy(ASSETS, cdn=cdn, nonce=NONCE)
