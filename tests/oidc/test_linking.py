"""Whose account somebody at the provider signs in to: by a confirmed address, and nobody's but their own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from api.core.oidc.provider import Who
from api.services.provider_accounts import confirmed_email
from db.models import ProviderIdentity, UsedOidcSignIn
from db.repositories import provider_identities
from tests.conftest import AppFactory
from tests.doors.accounts import same_door
from tests.doors.door import Door, DoorError
from tests.doors.people import PASSWORD, World
from tests.doors.refusals import STATUS
from tests.doors.rows import all_rows
from tests.oidc.browsers import Browser, confirm, count, sign_in
from tests.oidc.real_provider import RealProvider


@asynccontextmanager
async def refused(door: Door, code: str) -> AsyncIterator[list[str]]:
    """Expect whoever the provider named to be refused: the sign-in is used, and the log is told, and that is all."""
    before = await all_rows(door.app)
    message: list[str] = []
    with pytest.raises(DoorError) as caught:
        yield message
    assert (caught.value.code, caught.value.status) == (code, STATUS[code] if door.name == "rest" else 200)
    message.append(caught.value.message)
    after = await all_rows(door.app)
    [event] = set(after["security_events"]) - set(before["security_events"])
    assert "'sign_in_failed'" in event
    assert len(after["used_oidc_sign_ins"]) == len(before["used_oidc_sign_ins"]) + 1
    for table in ("security_events", "used_oidc_sign_ins"):
        del before[table], after[table]
    assert after == before


async def refuse(door: Door, code: str, begins: str, **claims: Any) -> None:
    """Expect somebody to be refused by the provider's word alone, and told why."""
    browser = await (await Browser(door).begin()).go(**claims)
    async with refused(door, code) as message:
        await browser.complete()
    assert message[0].startswith(begins), message


async def test_an_account_is_linked_by_an_address_that_both_have_confirmed(door: Door, world: World) -> None:
    editor = {"email": world.editor.email.upper()}
    # Somebody may have signed up with it, to wait for its owner.
    await refuse(door, "CONFLICT", "There is an account with your e-mail address, but the address was not", **editor)
    await confirm(door, world.editor.email)
    for claims in ({**editor, "email_verified": False}, {"email": "Ada <ada@example.com>"}):
        await refuse(door, "FORBIDDEN", "The sign-in provider does not say", **claims)
    assert await count(door, ProviderIdentity) == 0

    account = await sign_in(door, **editor)
    assert account["id"] == str(world.editor.id)
    assert await door.call("login", data={"email": world.editor.email, "password": PASSWORD})
    # An address that the provider gives to a successor gives them no account.
    await refuse(door, "CONFLICT", "The account with your e-mail address belongs", sub="successor", **editor)
    assert (await sign_in(door))["id"] == str(world.editor.id)


async def test_two_first_sign_ins_of_one_person_at_once_are_one_link(
    door: Door, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await confirm(door, world.editor.email)
    await sign_in(door, email=world.editor.email)
    find, looks = provider_identities.find_user_id, [None, None]

    async def find_later(*arguments: Any) -> UUID | None:
        """Return what the second one sees: until it has the lock, nothing of the first."""
        return looks.pop() if looks else await find(*arguments)

    monkeypatch.setattr(provider_identities, "find_user_id", find_later)
    assert (await sign_in(door, email=world.editor.email))["id"] == str(world.editor.id)
    assert (looks, await count(door, ProviderIdentity)) == ([], 1)


async def test_who_is_disabled_stays_out_and_who_is_deleted_is_forgotten(door: Door, world: World) -> None:
    root, editor, viewer = world.administrator.token, world.editor, world.viewer
    for person in (editor, viewer):
        await confirm(door, person.email)
    await sign_in(door, email=editor.email)
    for person in (editor, viewer):
        await door.call("update_user", token=root, id=str(person.id), data={"disabled": True})
    await refuse(door, "UNAUTHENTICATED", "The account is disabled.")
    await refuse(door, "UNAUTHENTICATED", "The account is disabled.", sub="viewer", email=viewer.email)
    assert await count(door, ProviderIdentity) == 1

    await door.call("delete_user", token=root, id=str(editor.id))
    assert await count(door, ProviderIdentity) == 0
    assert (await sign_in(door, email=editor.email))["id"] != str(editor.id)


async def test_closed_registration_is_closed_here_too_unless_the_provider_is_an_exception(
    door: Door, world: World, make_app: AppFactory, provider: RealProvider
) -> None:
    await confirm(door, world.editor.email)
    closed = same_door(door, await make_app(**provider.settings(registration="closed")))
    await refuse(closed, "FORBIDDEN", "Registration is closed", sub="new", email="new@example.com")
    assert (await sign_in(closed, email=world.editor.email))["id"] == str(world.editor.id)
    exception = provider.settings(registration="closed", oidc_registration="open")
    assert (await sign_in(same_door(door, await make_app(**exception)), sub="new"))["email"] == "ada@example.com"
    shut = same_door(door, await make_app(**provider.settings(oidc_registration="closed")))
    await refuse(shut, "FORBIDDEN", "Registration is closed", sub="late", email="late@example.com")
    assert await count(door, UsedOidcSignIn) == 4


def test_only_an_address_that_is_one_and_confirmed_counts() -> None:
    def confirmed(email: str | None, *, by: bool = True) -> str | None:
        return confirmed_email(Who("https://p.example.com", "ada", email, email_confirmed=by, name=None))

    assert confirmed(" ＡDA@Example.com") == "ada@example.com"
    assert confirmed("ada@example.com", by=False) is None
    for email in (None, "", "ada", "a\x00@example.com", "a@example.com, b@example.com", "a" * 300 + "@example.com"):
        assert confirmed(email) is None
