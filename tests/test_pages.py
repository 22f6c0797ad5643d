"""What browsers get: pages, their policies, and permission for apps on other origins."""

from pathlib import Path

import httpx

from api.core.assets import DEFAULT_CDN
from api.docs_page import ASSETS
from tests.conftest import client_of, make_settings, running

APP = "https://app.example.com"
HTML = {"Accept": "text/html"}


async def test_apps_on_configured_origins_may_call(sqlite_url: str, tmp_path: Path) -> None:
    async with running(make_settings(sqlite_url, tmp_path, cors_origins=[APP])) as app, client_of(app) as client:
        wanted = {
            "Access-Control-Request-Method": "PATCH",
            "Access-Control-Request-Headers": "authorization,content-type,if-match",
        }
        allowed = await client.options("/api/items", headers={"Origin": APP, **wanted})
        refused = await client.options("/api/items", headers={"Origin": "https://evil.example", **wanted})
        answer = await client.get("/api/items", headers={"Origin": APP})

    assert allowed.status_code == httpx.codes.OK
    assert allowed.headers["access-control-allow-origin"] == APP
    assert "if-match" in allowed.headers["access-control-allow-headers"]
    assert "access-control-allow-origin" not in refused.headers
    assert answer.status_code == httpx.codes.UNAUTHORIZED
    assert answer.headers["access-control-allow-origin"] == APP
    assert "ETag" in answer.headers["access-control-expose-headers"]


async def test_without_a_setting_no_other_origin_may_call(sqlite_url: str, tmp_path: Path) -> None:
    async with running(make_settings(sqlite_url, tmp_path)) as app, client_of(app) as client:
        answer = await client.get("/health", headers={"Origin": APP})
    assert "access-control-allow-origin" not in answer.headers


async def test_the_pages_take_their_scripts_from_the_configured_address(sqlite_url: str, tmp_path: Path) -> None:
    mirror = "https://mirror.example.com/npm"
    async with running(make_settings(sqlite_url, tmp_path, assets_url=mirror)) as app, client_of(app) as client:
        graphiql = await client.get("/graphql", headers=HTML)
        docs = await client.get("/docs", headers=HTML)

    assert f'src="{mirror}/graphiql@' in graphiql.text
    assert mirror in graphiql.headers["content-security-policy"]
    assert f'src="{mirror}/swagger-ui-dist@' in docs.text
    assert mirror in docs.headers["content-security-policy"]
    assert "jsdelivr" not in graphiql.text + docs.text


async def test_the_documentation_takes_pinned_files_and_no_others(sqlite_url: str, tmp_path: Path) -> None:
    settings = make_settings(sqlite_url, tmp_path, app_name="<b>Garden</b> & Park")
    async with running(settings) as app, client_of(app) as client:
        first, second = [await client.get("/docs", headers=HTML) for _ in range(2)]
    policy = first.headers["content-security-policy"]
    for asset in ASSETS:
        assert f'"{asset.url(DEFAULT_CDN)}" nonce="' in first.text
        assert f'integrity="{asset.integrity}"' in first.text
        assert asset.url(DEFAULT_CDN) in policy
    assert first.text.count("integrity=") == len(ASSETS) == 2
    assert "unsafe-" not in policy
    assert policy != second.headers["content-security-policy"]
    assert first.headers["cache-control"] == "no-store"
    assert "<title>&lt;b&gt;Garden&lt;/b&gt; &amp; Park: REST</title>" in first.text


async def test_the_policy_names_a_new_nonce_each_time(sqlite_url: str, tmp_path: Path) -> None:
    async with running(make_settings(sqlite_url, tmp_path)) as app, client_of(app) as client:
        first, second = [await client.get("/graphql", headers=HTML) for _ in range(2)]
    assert first.headers["content-security-policy"] != second.headers["content-security-policy"]
    assert first.headers["cache-control"] == "no-store"


async def test_graphiql_can_be_turned_off(sqlite_url: str, tmp_path: Path) -> None:
    async with running(make_settings(sqlite_url, tmp_path, graphiql=False)) as app, client_of(app) as client:
        page = await client.get("/graphql", headers=HTML)
        answer = await client.post("/graphql", json={"query": "{ __typename }"})
    assert page.status_code == httpx.codes.NOT_FOUND
    assert answer.json() == {"data": {"__typename": "Query"}}
