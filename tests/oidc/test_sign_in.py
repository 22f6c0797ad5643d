"""Signing in with a provider, at both doors: what it takes, what counts once, and what is forged."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from sqlalchemy import update

from api.core.oidc.provider import Provider, Who
from api.core.oidc.sign_ins import SignIns
from db.clock import utc_now
from db.models import ProviderIdentity, UsedOidcSignIn, User, UserSession
from db.models.base import new_id
from tests.conftest import SECRET, AppFactory, client_of, make_settings, running
from tests.doors.accounts import racing, same_door
from tests.doors.authenticator import RECOVERY_CODE, write_second_step
from tests.doors.door import Door, DoorError, RestDoor
from tests.doors.people import World
from tests.doors.refusals import refused
from tests.graphql.asking import statements
from tests.oidc.browsers import ADA, Browser, confirm, count, sign_in
from tests.oidc.real_provider import CALLBACK, OTHER_CALLBACK, RealProvider

OVER = "This sign-in has expired, was completed already, or was begun in another browser. Begin again."
REFUSED = "The sign-in provider did not confirm who you are. Begin again."


def changed(url: str, **values: str | None) -> str:
    """Return an address with other parameters; None takes one away."""
    parts = urlsplit(url)
    query = {name: value for name, [value] in parse_qs(parts.query).items()} | values
    return parts._replace(query=urlencode({name: value for name, value in query.items() if value})).geturl()


async def refuse(browser: Browser, message: str = OVER, **changes: Any) -> None:
    """Expect that a sign-in comes to nothing, and that nothing changes but the log once the provider was asked."""
    logged = None if message == OVER else "sign_in_failed"
    async with refused(browser.door, "UNAUTHENTICATED", logged=logged) as refusal:
        await browser.complete(**changes)
    assert (refusal.message, refusal.details) == (message, {})


async def test_who_signs_in_gets_an_account_and_is_known_again_whatever_the_address_becomes(
    door: Door, world: World
) -> None:
    browser = Browser(door)
    with statements(door.app) as seen:
        await browser.begin()
    assert seen == []
    asked = {name: value for name, [value] in parse_qs(urlsplit(browser.url).query).items()}
    assert {name: asked.pop(name) for name in ("response_type", "client_id", "redirect_uri", "scope")} == {
        "response_type": "code",
        "client_id": "twofold",
        "redirect_uri": CALLBACK,
        "scope": "openid email profile",
    }
    assert asked.pop("code_challenge_method") == "S256"
    assert set(asked) == {"state", "nonce", "code_challenge"}
    assert not any(value in browser.sign_in for value in asked.values())

    answer = await (await browser.go(email=" ＡDA@Example.com")).complete()
    assert set(answer) == {"access_token", "token_type", "expires_in", "refresh_token", "refresh_expires_in"}
    account = await door.call("get_me", token=answer["access_token"])
    assert (account["name"], account["email"], account["role"]) == ("Ada", "ada@example.com", "member")
    assert account["email_verified_at"] is not None
    log = (await door.call("list_security_events", token=world.administrator.token, user_id=account["id"]))["data"]
    assert [event["kind"] for event in log] == ["signed_in", "identity_linked"]
    assert log[1]["actor"] == account["id"]
    assert log[1]["details"] == {"issuer": urlsplit(browser.url)._replace(path="", query="").geturl(), "subject": "ada"}
    # No password is right until one is chosen by mail.
    for password in ("", "Correct horse 1"):
        async with refused(door, "UNAUTHENTICATED", logged="sign_in_failed"):
            await door.call("login", data={"email": account["email"], "password": password})

    assert await sign_in(door, email="countess@example.com", email_verified=False, name="Countess") == account
    grace = await sign_in(door, sub="grace", email="grace@example.com", name=None, preferred_username=" \u202e")
    assert (grace["name"], grace["id"] != account["id"]) == ("grace", True)
    assert (await count(door, ProviderIdentity), await count(door, UsedOidcSignIn)) == (2, 3)


async def test_what_is_forged_stolen_or_sent_again_signs_nobody_in(
    door: Door, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    mallory, ada = [await Browser(door).begin() for _ in range(2)]
    await mallory.go(sub="mallory", email="mallory@example.com")
    await ada.go()
    foreign = SignIns("another secret, as long as the first one").begin(new_id(), CALLBACK, utc_now())
    unlisted = SignIns(SECRET).begin(new_id(), "https://evil.example.com", utc_now())
    text = ada.sign_in
    forged: list[dict[str, Any]] = [
        # A page of Mallory's that opens the address at which their own sign-in ends.
        {"state": mallory.back["state"], "code": mallory.back["code"]},
        {"sign_in": mallory.sign_in},
        {"sign_in": foreign.text, "state": foreign.state},
        {"sign_in": unlisted.text, "state": unlisted.state},
        *({"state": state} for state in ("", ada.back["state"][:-1], ada.back["state"] + "A", "é", ada.sign_in)),
        *({"sign_in": odd} for odd in ("", "tfo_", "é", text[:-1], text + "A", ada.back["state"])),
        *({"sign_in": f"{text[:at]}{'A' if text[at] != 'A' else 'B'}{text[at + 1 :]}"} for at in (10, 90)),
    ]
    with statements(door.app) as seen:
        for changes in forged:
            with pytest.raises(DoorError) as caught:
                await ada.complete(**changes)
            assert (caught.value.code, caught.value.message) == ("UNAUTHENTICATED", OVER), changes
    assert seen == []

    # A code that was stolen on its way: it was made for another challenge, and another nonce.
    await refuse(mallory, REFUSED, code=ada.back["code"])
    await refuse(ada, REFUSED, code="nonsense")
    account = await door.call("get_me", token=(await ada.complete())["access_token"])
    assert account["email"] == ADA["email"]
    await refuse(ada)
    fresh = await (await Browser(door).begin()).go()
    await refuse(fresh, REFUSED, code=ada.back["code"])
    await fresh.complete()

    late = await (await Browser(door).begin()).go()
    later = utc_now().timestamp() + 600
    monkeypatch.setattr("api.services.oidc.utc_now", lambda: utc_now().fromtimestamp(later, utc_now().tzinfo))
    await refuse(late)


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"client_id": "other"},
        {"code_challenge": "A" * 43},
        {"code_challenge": None, "code_challenge_method": None},
    ],
)
async def test_what_the_provider_says_must_be_for_this_very_sign_in(door: Door, changes: dict[str, str | None]) -> None:
    browser = await Browser(door).begin()
    browser.url = changed(browser.url, **changes)
    await browser.go()
    if "code" in browser.back:
        await refuse(browser, REFUSED)
    else:
        assert browser.back["error"] == "invalid_request"
    assert await count(door, UserSession) == 0


async def test_the_browser_is_sent_back_to_no_address_that_is_not_on_the_list(door: Door) -> None:
    for address in (
        "https://evil.example.com/callback",
        CALLBACK + "/",
        CALLBACK + "/../evil",
        CALLBACK + "?next=https://evil.example.com",
        CALLBACK.upper(),
        CALLBACK.replace("https://", "https://evil.example.com@"),
        "javascript:alert(1)",
        "",
        "\x00",
    ):
        async with refused(door, "VALIDATION_ERROR") as refusal:
            await Browser(door).begin(redirect_uri=address)
        assert refusal.details["fields"] == [
            {"path": "redirect_uri", "message": "It is none of the addresses in OIDC_REDIRECT_URIS"}
        ]
    for address in (CALLBACK, OTHER_CALLBACK):
        browser = await Browser(door).begin(redirect_uri=address)
        assert parse_qs(urlsplit(browser.url).query)["redirect_uri"] == [address]


async def test_a_sign_in_counts_once_however_many_processes_are_asked(
    door: Door, make_app: AppFactory, provider: RealProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with a provider that would let a code count twice."""
    browser = await Browser(door).begin()
    browser.back = {"state": SignIns(SECRET).read(browser.sign_in, utc_now()).state, "code": "any"}

    async def identify(*_: Any) -> Who:
        # Others write meanwhile, as nothing is held.
        async with door.app.state.database.write() as uow:
            await uow.session.execute(update(User).values(name="Ada"))
        return Who(provider.issuer, "ada", "ada@example.com", email_confirmed=True, name="Ada")

    monkeypatch.setattr(Provider, "identify", identify)
    other = Browser(same_door(door, await make_app(**provider.settings())), browser.sign_in, back=browser.back)
    ends = await racing(*(one.complete() for one in (browser, other) * 3))
    assert sorted(ends) == ["OK", *["UNAUTHENTICATED"] * 5]
    assert (await count(door, UserSession), await count(door, UsedOidcSignIn)) == (1, 1)
    await refuse(other)


async def test_a_second_step_is_asked_for_here_too(door: Door, world: World) -> None:
    await confirm(door, world.editor.email)
    await write_second_step(door.app, world.editor.id)
    browser = await (await Browser(door).begin()).go(email=world.editor.email)
    with pytest.raises(DoorError) as caught:
        await browser.complete()
    error = caught.value
    assert (error.code, error.status) == ("SECOND_STEP_NEEDED", 401 if door.name == "rest" else 200)
    begins = "The sign-in provider knows you. Now enter the code of your authenticator app"
    assert error.message.startswith(begins)
    await refuse(browser)
    data = {"challenge": error.details["challenge"], "code": RECOVERY_CODE}
    answer = await door.call("complete_login", data=data)
    assert (await door.call("get_me", token=answer["access_token"]))["id"] == str(world.editor.id)


async def test_each_client_is_known_to_the_provider_in_its_own_way(
    sqlite_url: str, tmp_path: Path, provider: RealProvider
) -> None:
    """A public one has no secret, and one that gets a small ID token asks for the rest."""
    for client_id in ("public", "small"):
        settings = make_settings(sqlite_url, tmp_path, **provider.settings(client_id))
        async with running(settings) as app, client_of(app) as client:
            assert (await sign_in(RestDoor(app, client)))["email"] == "ada@example.com"
