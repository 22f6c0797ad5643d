"""A provider that is away, or behaves badly, and settings that are half there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from api.config import Settings, load_settings
from api.core.errors import AppError, ErrorCode
from api.core.oidc import fetching
from api.core.oidc.addresses import is_of_app, is_safe
from api.core.oidc.provider import OidcOptions, Provider
from api.core.oidc.sign_ins import LIFETIME, SignIn, SignIns
from api.kept_secret import SettingsError
from db.clock import utc_now
from db.models import UsedOidcSignIn
from db.models.base import new_id
from db.repositories import provider_identities
from tests.attempts.callers import ELSEWHERE, HERE, door_from
from tests.conftest import SECRET, AppFactory, client_of, make_settings, running
from tests.doors.door import DoorError, GraphQLDoor, RestDoor
from tests.doors.rows import all_rows
from tests.live import NO_CERTIFICATES, free_port
from tests.oidc.browsers import Browser, count
from tests.oidc.real_provider import CALLBACK, RealProvider


@asynccontextmanager
async def answering(answer: bytes | None) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Run a bad provider that answers everything with this, or nothing ever; give its address and what it was asked."""
    asked: list[bytes] = []
    over = asyncio.Event()
    busy: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        busy.add(task)
        asked.append(await reader.readline())
        if answer is None:
            await over.wait()
        else:
            writer.write(answer.replace(b"{issuer}", issuer.encode()))
        writer.close()
        # Who had heard enough has hung up.
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    issuer = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield issuer, asked
        over.set()
        await asyncio.gather(*busy)


def answer_of(body: str, *, status: str = "200 OK", head: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{head}Connection: close\r\n\r\n{body}".encode()


def metadata(**changes: str | None) -> bytes:
    """Return what a provider says about itself, with changes."""
    names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    said = {"issuer": "{issuer}", **dict.fromkeys(names, "https://provider.example.com/x"), **changes}
    text = ", ".join(f'"{name}": "{value}"' for name, value in said.items() if value is not None)
    return answer_of(f"{{{text}}}")


def make_provider(issuer: str) -> tuple[Provider, SignIn]:
    """Return the provider at an address, and a sign-in that was begun."""
    options = OidcOptions(issuer, "twofold", None, "openid", [CALLBACK], registration_open=True)
    provider = Provider(options, SignIns(SECRET))
    provider._fetcher._certificates = NO_CERTIFICATES
    return provider, provider.sign_ins.begin(new_id(), CALLBACK, utc_now())


async def begin_at(issuer: str) -> str:
    """Begin to sign in with the provider at an address."""
    provider, sign_in = make_provider(issuer)
    return await provider.authorization_url(sign_in, CALLBACK)


async def test_an_honest_answer_is_enough_and_a_bad_one_is_a_provider_that_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with answering(metadata()) as (issuer, _):
        assert (await begin_at(issuer + "/")).startswith("https://provider.example.com/x?")
    async with answering(metadata()) as (elsewhere, asked):
        for answer in (
            b"",
            answer_of("nonsense"),
            answer_of("[]"),
            answer_of("[" * 100_000),
            metadata(more="x" * 300_000),
            answer_of("{}"),
            answer_of("{}", status="404 Not Found"),
            answer_of("", status="302 Found", head=f"Location: {elsewhere}\r\n"),
            metadata(issuer="https://evil.example.com"),
            metadata(issuer=None),
            metadata(token_endpoint=None),
            metadata(token_endpoint="http://provider.example.com/token"),
            metadata(authorization_endpoint="javascript:alert(1)"),
            metadata(jwks_uri="file:///etc/passwd"),
            metadata(userinfo_endpoint="http://provider.example.com"),
        ):
            async with answering(answer) as (issuer, _):
                with pytest.raises(AppError) as caught:
                    await begin_at(issuer)
            assert caught.value.code is ErrorCode.UNAVAILABLE, answer
        assert asked == []
    # And for a moment nobody waits for it again.
    monkeypatch.setattr(fetching, "SECONDS", 0.2)
    async with answering(None) as (issuer, asked):
        provider, sign_in = make_provider(issuer)
        for _ in range(3):
            with pytest.raises(AppError):
                await provider.authorization_url(sign_in, CALLBACK)
        assert len(asked) == 1


async def test_a_provider_that_is_away_keeps_nobody_from_starting_and_a_sign_in_may_be_tried_again(
    sqlite_url: str, tmp_path: Path, provider: RealProvider
) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    async with running(make_settings(sqlite_url, tmp_path, **provider.settings(oidc_issuer=away))) as app:
        door = RestDoor(app, client_of(app))
        with pytest.raises(DoorError) as caught:
            await Browser(door).begin()
        assert (caught.value.code, caught.value.status) == ("UNAVAILABLE", 503)
        assert caught.value.message == "The sign-in provider does not answer. Try again in a moment."
    async with running(make_settings(sqlite_url, tmp_path, **provider.settings())) as app:
        door = RestDoor(app, client_of(app))
        browser = await (await Browser(door).begin()).go()
        before, ours = await all_rows(app), app.state.oidc_provider
        known, ours._metadata = ours._metadata, None
        ours._away_until = float("inf")
        with pytest.raises(DoorError) as caught:
            await browser.complete()
        assert (caught.value.code, await all_rows(app)) == ("UNAVAILABLE", before)
        ours._metadata, ours._away_until = known, 0.0
        assert await browser.complete()
        # What was used is forgotten once it would have expired.
        for moment, left in ((utc_now(), 1), (utc_now() + LIFETIME, 0)):
            async with app.state.database.write() as uow:
                await provider_identities.forget_used(uow.session, moment)
            assert await count(door, UsedOidcSignIn) == left


async def test_attempts_are_counted_at_both_doors_and_so_are_new_accounts(
    make_app: AppFactory, provider: RealProvider
) -> None:
    limits: dict[str, Any] = {
        "rate_limits": True,
        "oidc_attempts_per_address": "3/hour",
        "sign_ups_per_address": "1/hour",
    }
    app = await make_app(**provider.settings(**limits))
    here, there = door_from(HERE, app, "rest"), door_from(ELSEWHERE, app, "graphql")
    for door in (here, there):
        first = await (await Browser(door).begin()).go(sub=door.name, email=f"{door.name}@example.com")
        await first.complete()
        browser = await Browser(door).begin()
        await browser.go()
        for again in (browser.complete(), Browser(door).begin()):
            with pytest.raises(DoorError) as caught:
                await again
            assert caught.value.code == "RATE_LIMITED"
    # The address of a third one: of its three attempts the last is an account too many.
    third = door_from("192.0.2.3", app, "rest")
    await here.app.state.identity.attempts.sign_up("192.0.2.3")
    browser = await (await Browser(third).begin()).go(sub="third", email="third@example.com")
    before = await all_rows(app)
    with pytest.raises(DoorError) as caught:
        await browser.complete()
    assert (caught.value.code, await all_rows(app)) == ("RATE_LIMITED", before)


async def test_the_refresh_token_may_be_in_a_cookie_at_the_rest_door_alone(
    sqlite_url: str, tmp_path: Path, provider: RealProvider
) -> None:
    async with running(make_settings(sqlite_url, tmp_path, **provider.settings())) as app, client_of(app) as client:
        browser = await (await Browser(RestDoor(app, client)).begin()).go()
        data = {**browser.data, "refresh_in_cookie": True}
        with pytest.raises(DoorError) as caught:
            await GraphQLDoor(app, client).call("complete_oidc_sign_in", data=data)
        assert caught.value.paths == {"refresh_in_cookie"}
        for origin, status in (("https://evil.example.com", 403), ("http://twofold.test", 200)):
            answer = await client.post("/api/auth/oidc/complete", json=data, headers={"Origin": origin})
            assert answer.status_code == status, answer.text
        assert answer.json()["refresh_token"] is None
        assert answer.headers["set-cookie"].startswith('__Host-refresh="tfr_')


GOOD = {"OIDC_ISSUER": "https://p.example.com", "OIDC_CLIENT_ID": "twofold", "OIDC_REDIRECT_URIS": CALLBACK}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"OIDC_ISSUER": ""}, "The setting OIDC_CLIENT_ID is not valid: it and OIDC_ISSUER must both be set, or n"),
        ({"OIDC_CLIENT_ID": ""}, "The setting OIDC_CLIENT_ID is not valid: it and OIDC_ISSUER must both be set, or n"),
        ({"OIDC_REDIRECT_URIS": ""}, "The setting OIDC_REDIRECT_URIS is not valid: it and OIDC_ISSUER must both be s"),
        ({**dict.fromkeys(GOOD, ""), "OIDC_CLIENT_SECRET": "s"}, "The setting OIDC_CLIENT_SECRET is not valid: it is "),
        ({"OIDC_ISSUER": "http://p.example.com"}, "The setting OIDC_ISSUER is not valid: it must begin with https://"),
        ({"OIDC_SCOPES": "email"}, "The setting OIDC_SCOPES is not valid: openid must be among them."),
        ({"OIDC_REDIRECT_URIS": f"{CALLBACK},javascript:x"}, "The setting OIDC_REDIRECT_URIS is not valid: javascript"),
    ],
)
def test_settings_that_are_half_there_are_told_in_a_sentence(
    changes: dict[str, str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**GOOD, **changes}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value).startswith(sentence)


def test_settings_may_name_the_provider_by_its_document() -> None:
    values: dict[str, Any] = {
        "oidc_client_id": "twofold",
        "oidc_redirect_uris": "com.example.app:/callback, http://127.0.0.1:8000/graphql",
        "oidc_scopes": " openid  email ",
    }
    document = "https://p.example.com/x/.well-known/openid-configuration"
    settings = Settings(_env_file=None, oidc_issuer=document, secret_key=SECRET, **values)
    assert (settings.oidc_issuer, settings.oidc_scopes) == ("https://p.example.com/x", "openid email")
    provider = settings.oidc_provider()
    assert provider is not None
    assert provider.options.redirect_uris == ["com.example.app:/callback", "http://127.0.0.1:8000/graphql"]
    assert Settings(_env_file=None, secret_key=SECRET).oidc_provider() is None


def test_addresses() -> None:
    for good in ("https://p.example.com", "http://127.0.0.1:1", "http://localhost/x?y", "http://[::1]:80"):
        assert is_safe(good), good
    bad = ("http://p.example.com", "http://127.0.0.1.example.com", "https://a@b", "https://", "https://b#c", "ftp://b")
    for address in (*bad, "https://b:x", "https://b c", "https://é.example.com", "//b", "", None, 1, ["https://b"]):
        assert not is_safe(address), address
    assert not is_safe("http://127.0.0.1", plain_http=False)
    assert is_of_app("com.example.app:/callback")
    for address in ("javascript:alert(1)", "data:text/html,x", "app:/x", "com.example.app:/x#y", "http://b", ""):
        assert not is_of_app(address), address
