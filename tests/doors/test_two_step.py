"""Two-step sign-in at both doors: how it is set up, switched off and lost, and what changes nothing about it."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from api.config import Settings
from api.schemas.jobs import Sweep
from api.server.working import tools_of
from api.services.work.sweep import sweep
from db.clock import utc_now
from db.models import RecoveryCode, SignInChallenge, TwoStep
from db.models.base import new_id
from tests.doors.accounts import racing
from tests.doors.authenticator import Authenticator, Clock, challenge_of, complete, stop_the_clock, switch_on
from tests.doors.door import Door, DoorError
from tests.doors.people import PASSWORD, World
from tests.doors.refusals import refused
from tests.doors.test_security_events import told

RIGHT = {"current_password": PASSWORD}
ON = "Two-step sign-in is on already. Switch it off first."
OFF = "Two-step sign-in is not on."
NOT_BEGUN = "Begin to set it up first; what was begun has to be confirmed within an hour."
PROVEN = ("disable_two_step", "renew_recovery_codes")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return stop_the_clock(monkeypatch)


async def begin(door: Door, world: World, clock: Clock) -> Authenticator:
    """Let the editor begin to set it up."""
    begun = await door.call("begin_two_step", token=world.editor.token, data=RIGHT)
    return Authenticator(clock, begun["secret"])


async def enable(door: Door, world: World, code: str) -> Any:
    return await door.call("enable_two_step", token=world.editor.token, data={"code": code})


async def signs_in_by_password(door: Door, world: World) -> bool:
    """Return whether the password alone is enough for the editor."""
    [end] = await racing(door.call("login", data={"email": world.editor.email, "password": PASSWORD}))
    assert end in ("OK", "SECOND_STEP_NEEDED")
    return end == "OK"


async def test_what_the_app_is_shown_names_the_installation_and_the_account(door: Door, world: World) -> None:
    begun = await door.call("begin_two_step", token=world.editor.token, data=RIGHT)
    assert set(begun) == {"secret", "uri"}
    assert len(begun["secret"]) == 32
    uri = urlsplit(begun["uri"])
    assert (uri.scheme, uri.netloc, unquote(uri.path)) == ("otpauth", "totp", "/Twofold:editor@example.com")
    assert parse_qs(uri.query) == {"secret": [begun["secret"]], "issuer": ["Twofold"]}


async def test_it_is_on_once_a_code_confirms_it(door: Door, world: World, clock: Clock) -> None:
    before = await door.call("get_me", token=world.editor.token)
    app = await begin(door, world, clock)
    # Nobody is shut out by a set-up that was broken off.
    assert await signs_in_by_password(door, world)
    assert await door.call("get_me", token=world.editor.token) == before

    codes = (await enable(door, world, app.code()))["codes"]
    assert (len(codes), {len(code) for code in codes}) == (10, {19})
    after = await door.call("get_me", token=world.editor.token)
    assert (before["two_step_since"], after["two_step_since"] is None) == (None, False)
    assert after["version"] == before["version"] + 1
    assert not await signs_in_by_password(door, world)
    editor = str(world.editor.id)
    assert (await told(door, world))[-1] == ("two_step_enabled", editor, editor, {})


async def test_a_wrong_code_or_password_sets_nothing_up(door: Door, world: World, clock: Clock) -> None:
    async with refused(door, "VALIDATION_ERROR", logged="wrong_password") as refusal:
        await door.call("begin_two_step", token=world.editor.token, data={"current_password": "Wrong horse 1"})
    assert refusal.details["fields"] == [{"path": "current_password", "message": "It is wrong"}]
    app = await begin(door, world, clock)
    for code in (app.wrong_code(), app.code(steps=-2), app.code(steps=2), "", app.secret):
        async with refused(door, "VALIDATION_ERROR") as refusal:
            await enable(door, world, code)
        assert refusal.paths == {"code"}
    assert await signs_in_by_password(door, world)


async def test_only_the_last_secret_counts_and_only_for_an_hour(door: Door, world: World, clock: Clock) -> None:
    async with refused(door, "CONFLICT") as refusal:
        await enable(door, world, "000000")
    assert refusal.message == NOT_BEGUN
    first, second = [await begin(door, world, clock) for _ in range(2)]
    if first.code() != second.code():
        async with refused(door, "VALIDATION_ERROR"):
            await enable(door, world, first.code())
    clock.move(timedelta(hours=1, seconds=1))
    async with refused(door, "CONFLICT") as refusal:
        await enable(door, world, second.code())
    assert refusal.message == NOT_BEGUN
    third = await begin(door, world, clock)
    clock.move(timedelta(minutes=59))
    await enable(door, world, third.code())


async def test_what_is_on_is_not_set_up_again_and_what_is_off_not_switched_off(
    door: Door, world: World, clock: Clock
) -> None:
    for operation in PROVEN:
        async with refused(door, "CONFLICT") as refusal:
            await door.call(operation, token=world.editor.token, data={**RIGHT, "code": "000000"})
        assert refusal.message == OFF
    async with refused(door, "CONFLICT") as refusal:
        await door.call("reset_two_step", token=world.administrator.token, id=str(world.editor.id))
    assert refusal.message == OFF
    app = await switch_on(door, world.editor, clock)
    async with refused(door, "CONFLICT") as refusal:
        await begin(door, world, clock)
    assert refusal.message == ON
    async with refused(door, "CONFLICT") as refusal:
        await enable(door, world, app.next_code())
    assert refusal.message == ON
    await complete(door, await challenge_of(door, world.editor), app.code())


@pytest.mark.parametrize("means", ["code", "recovery code"])
async def test_it_is_switched_off_by_the_password_and_a_code(
    door: Door, world: World, clock: Clock, means: str
) -> None:
    app = await switch_on(door, world.editor, clock)
    code = app.next_code() if means == "code" else app.recovery_codes[0]
    account = await door.call("disable_two_step", token=world.editor.token, data={**RIGHT, "code": code})
    assert account["two_step_since"] is None
    # How far the log of one's own is, `get_me` alone tells.
    assert account | {"seq": 0} == await door.call("get_me", token=world.editor.token) | {"seq": 0}
    assert await signs_in_by_password(door, world)
    assert await _kept(door.app) == []
    editor = str(world.editor.id)
    kinds = [one for one in await told(door, world) if one[0] == "two_step_disabled"]
    assert kinds == [("two_step_disabled", editor, editor, {})]
    # What was is over: another set-up begins from nothing.
    again = await switch_on(door, world.editor, clock)
    assert again.secret != app.secret
    assert not set(again.recovery_codes) & set(app.recovery_codes)


async def _kept(app: FastAPI) -> list[Any]:
    async with app.state.database.read() as uow:
        tables: list[Any] = [TwoStep, RecoveryCode, SignInChallenge]
        return [row for table in tables for row in await uow.session.all(select(table))]


@pytest.mark.parametrize("operation", PROVEN)
async def test_neither_half_of_the_proof_is_enough(door: Door, world: World, clock: Clock, operation: str) -> None:
    app = await switch_on(door, world.editor, clock)
    token = world.editor.token
    async with refused(door, "VALIDATION_ERROR", logged="wrong_password") as refusal:
        await door.call(operation, token=token, data={"current_password": "Wrong horse 1", "code": app.next_code()})
    assert refusal.paths == {"current_password"}
    async with refused(door, "VALIDATION_ERROR", logged="second_step_failed") as refusal:
        await door.call(operation, token=token, data={**RIGHT, "code": app.wrong_code()})
    assert refusal.paths == {"code"}
    # The wrong password used the code up for nobody.
    await door.call(operation, token=token, data={**RIGHT, "code": app.code()})


async def test_a_wrong_code_under_a_key_is_told_too(door: Door, world: World, clock: Clock) -> None:
    app = await switch_on(door, world.editor, clock)
    for _ in range(2):
        async with refused(door, "VALIDATION_ERROR", logged="second_step_failed"):
            data = {**RIGHT, "code": app.wrong_code()}
            await door.call("disable_two_step", token=world.editor.token, data=data, key="again")


async def test_new_recovery_codes_end_the_old_ones(door: Door, world: World, clock: Clock) -> None:
    app = await switch_on(door, world.editor, clock)
    data = {**RIGHT, "code": app.recovery_codes[0]}
    codes = (await door.call("renew_recovery_codes", token=world.editor.token, data=data))["codes"]
    assert len(codes) == 10
    assert not set(codes) & set(app.recovery_codes)
    challenge = await challenge_of(door, world.editor)
    async with refused(door, "VALIDATION_ERROR", logged="second_step_failed"):
        await complete(door, challenge, app.recovery_codes[1])
    await complete(door, challenge, codes[0])
    assert "recovery_codes_made" in [kind for kind, *_ in await told(door, world)]


async def test_an_administrator_switches_it_off_for_who_lost_everything(door: Door, world: World, clock: Clock) -> None:
    await switch_on(door, world.editor, clock)
    root, editor = world.administrator, str(world.editor.id)
    account = await door.call("get_account", token=root.token, id=editor)
    assert account["two_step_since"] is not None
    account = await door.call("reset_two_step", token=root.token, id=editor)
    assert account["two_step_since"] is None
    assert await signs_in_by_password(door, world)
    assert await _kept(door.app) == []
    [event] = [one for one in await told(door, world) if one[0] == "two_step_disabled"]
    assert event == ("two_step_disabled", editor, str(root.id), {})


async def test_nobody_else_does_and_no_administrator_its_own(door: Door, world: World, clock: Clock) -> None:
    await switch_on(door, world.editor, clock)
    await switch_on(door, world.administrator, clock)
    for person in (world.editor, world.admin, world.stranger):
        async with refused(door, "FORBIDDEN"):
            await door.call("reset_two_step", token=person.token, id=str(world.editor.id))
    async with refused(door, "FORBIDDEN") as refusal:
        root = world.administrator
        await door.call("reset_two_step", token=root.token, id=str(root.id))
    assert refusal.message == "Switch off your own with `disable_two_step`, which needs your password and a code."
    async with refused(door, "NOT_FOUND"):
        await door.call("reset_two_step", token=world.administrator.token, id=str(new_id()))


async def test_neither_a_new_password_nor_another_address_switches_it_off(
    door: Door, world: World, clock: Clock
) -> None:
    app = await switch_on(door, world.editor, clock)
    new = {"password": "New horse 1", "password_confirm": "New horse 1", "email": "new@example.com"}
    await door.call("update_me", token=world.editor.token, data={**new, **RIGHT})
    data = {"email": "new@example.com", "password": "New horse 1"}
    with pytest.raises(DoorError) as caught:
        await door.call("login", data=data)
    assert caught.value.code == "SECOND_STEP_NEEDED"
    await complete(door, caught.value.details["challenge"], app.next_code())


async def test_sessions_go_on_and_others_are_not_touched(door: Door, world: World, clock: Clock) -> None:
    other = await door.call("login", data={"email": world.editor.email, "password": PASSWORD})
    await switch_on(door, world.editor, clock)
    assert await door.call("get_me", token=other["access_token"])
    assert await door.call("refresh_session", data={"refresh_token": other["refresh_token"]})
    assert await door.call("login", data={"email": world.viewer.email, "password": PASSWORD})


async def test_a_deleted_account_leaves_none_of_it(door: Door, world: World, clock: Clock) -> None:
    await switch_on(door, world.editor, clock)
    await challenge_of(door, world.editor)
    await door.call("delete_user", token=world.administrator.token, id=str(world.editor.id))
    assert await _kept(door.app) == []


async def test_nobody_writes_the_field_by_hand(door: Door, world: World) -> None:
    for operation, token, more in (
        ("update_me", world.editor.token, {}),
        ("update_user", world.administrator.token, {"id": str(world.editor.id)}),
    ):
        async with refused(door, "VALIDATION_ERROR") as refusal:
            await door.call(operation, token=token, data={"two_step_since": None}, **more)
        assert refusal.paths == {"two_step_since"}


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
async def test_what_was_never_finished_is_swept_and_what_is_on_stays(
    rest: Door, world: World, settings: Settings, clock: Clock
) -> None:
    await switch_on(rest, world.viewer, clock)
    clock.move(-timedelta(hours=25))
    await challenge_of(rest, world.viewer)
    await begin(rest, world, clock)
    async with rest.app.state.database.write() as uow:
        for row in await uow.session.all(select(TwoStep)):
            row.created_at = utc_now() - timedelta(hours=25)
        await uow.session.flush()
    await sweep(tools_of(settings, rest.app.state.database), new_id(), Sweep(day=utc_now().date()))
    kept = await _kept(rest.app)
    assert [row.user_id for row in kept if isinstance(row, TwoStep)] == [world.viewer.id]
    assert len([row for row in kept if isinstance(row, RecoveryCode)]) == 10
    assert not [row for row in kept if isinstance(row, SignInChallenge)]
