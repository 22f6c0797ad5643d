"""What the security headers let a browser do, and what not."""

from pathlib import Path

from playwright.async_api import Page

from tests.browser.visit import open_app
from tests.live import LiveServer, serve

APP = "http://localhost:3000"
"""Another origin, of an app that needs no server here."""

CALL = """async ([base, credentials]) => {
  const login = await fetch(`${base}/api/auth/login`, {
    method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(credentials)
  });
  const { access_token } = await login.json();
  const headers = { Authorization: `Bearer ${access_token}`, "Content-Type": "application/json" };
  const me = await (await fetch(`${base}/api/users/me`, { headers })).json();
  const body = JSON.stringify({ query: "{ me { email } }" });
  const { data } = await (await fetch(`${base}/graphql`, { method: "POST", headers, body })).json();
  return [me.email, data.me.email];
}"""

FRAME = """(address) => new Promise((resolve) => {
  document.addEventListener("securitypolicyviolation", (event) => resolve(event.violatedDirective));
  const frame = document.createElement("iframe");
  frame.addEventListener("load", () => {
    try { resolve(frame.contentDocument === null ? "refused" : frame.contentDocument.body.textContent); }
    catch (error) { resolve(error.name); }
  });
  frame.src = address;
  document.body.append(frame);
})"""


async def test_an_app_on_an_origin_that_is_named_calls_both_doors(page: Page, sqlite_url: str, tmp_path: Path) -> None:
    async with serve(sqlite_url, tmp_path, CORS_ORIGINS=APP) as server:
        # A page from elsewhere is not let at servers of this machine by itself.
        await page.context.grant_permissions(["local-network-access"])
        await open_app(page, APP)
        credentials = {"email": server.admin_email, "password": server.admin_password}
        assert await page.evaluate(CALL, [server.url, credentials]) == [server.admin_email] * 2


async def test_no_answer_stands_in_a_frame_not_even_of_its_own_origin(page: Page, live_server: LiveServer) -> None:
    await open_app(page, live_server.url)
    for path in ("/health", "/docs", "/graphql", "/nowhere"):
        assert await page.evaluate(FRAME, f"{live_server.url}{path}") == "refused"


async def test_an_answer_loads_nothing_and_runs_nothing(page: Page, live_server: LiveServer) -> None:
    await page.goto(f"{live_server.url}/health")
    blocked = """() => new Promise((resolve) => {
      document.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
      const script = document.createElement("script");
      script.textContent = "window.ran = true";
      document.body.append(script);
    })"""
    assert await page.evaluate(blocked) == "script-src-elem"
    assert await page.evaluate("window.ran") is None
