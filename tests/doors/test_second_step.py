"""Signing in with a second step, at both doors: what it takes, what counts once, and what nobody learns."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from api.core.challenges import Challenges
from api.core.second_step import SecondStep
from db.models import RecoveryCode, SignInChallenge, TwoStep
from tests.conftest import SECRET
from tests.doors.accounts import racing
from tests.doors.authenticator import (
    STEP,
    Authenticator,
    Clock,
    challenge_of,
    complete,
    stop_the_clock,
    switch_on,
)
from tests.doors.door import Door, DoorError
from tests.doors.people import PASSWORD, World
from tests.doors.refusals import refused
from tests.doors.test_security_events import log_of
from tests.graphql.asking import statements

EXPIRED = "This sign-in has expired, or was completed already. Begin again with your password."


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return stop_the_clock(monkeypatch)


@pytest.fixture
async def phone(door: Door, world: World, clock: Clock) -> Authenticator:
    """The editor's app, long enough after it was set up that its next code is another one."""
    app = await switch_on(door, world.editor, clock)
    clock.move()
    return app


async def refuse_code(door: Door, challenge: str, code: str) -> None:
    """Expect that a code does not count, and that nothing changes but the security log."""
    async with refused(door, "VALIDATION_ERROR", logged="second_step_failed") as refusal:
        await complete(door, challenge, code)
    assert refusal.details["fields"] == [{"path": "code", "message": "It is wrong, or was used already"}]


async def refuse_challenge(door: Door, challenge: str, code: str) -> None:
    async with refused(door, "UNAUTHENTICATED") as refusal:
        await complete(door, challenge, code)
    assert refusal.message == EXPIRED


async def test_the_right_password_answers_a_challenge_and_with_a_code_that_is_a_session(
    door: Door, world: World, phone: Authenticator
) -> None:
    with pytest.raises(DoorError) as caught:
        await door.call("login", data={"email": world.editor.email, "password": PASSWORD})
    error = caught.value
    assert (error.code, error.status) == ("SECOND_STEP_NEEDED", 401 if door.name == "rest" else 200)
    assert error.message == "The password is right. Now enter the code of your authenticator app, or a recovery code."
    assert (set(error.details), error.details["expires_in"]) == ({"challenge", "expires_in"}, 300)
    assert error.details["challenge"].startswith("tfc_")
    assert len(await _sessions(door, world)) == 1

    answer = await complete(door, error.details["challenge"], phone.code())
    assert set(answer) == {"access_token", "token_type", "expires_in", "refresh_token", "refresh_expires_in"}
    assert (await door.call("get_me", token=answer["access_token"]))["id"] == str(world.editor.id)
    assert len(await _sessions(door, world)) == 2


async def _sessions(door: Door, world: World) -> list[Any]:
    listed: list[Any] = (await door.call("list_sessions", token=world.editor.token))["data"]
    return listed


async def test_whoever_lacks_the_password_is_not_told_that_there_is_a_second_step(
    door: Door, world: World, phone: Authenticator
) -> None:
    told, done = [], []
    for email in (world.editor.email, world.viewer.email, "nobody@example.com"):
        async with refused(door, "UNAUTHENTICATED", logged="sign_in_failed") as refusal:
            with statements(door.app) as seen:
                await door.call("login", data={"email": email, "password": "Wrong horse 1"})
        told.append((refusal.message, refusal.details))
        done.append(seen)
    assert told == [told[0]] * 3
    assert done == [done[0]] * 3


async def test_a_challenge_is_good_for_one_sign_in(door: Door, world: World, phone: Authenticator) -> None:
    challenge = await challenge_of(door, world.editor)
    await complete(door, challenge, phone.code())
    await refuse_challenge(door, challenge, phone.next_code())
    await refuse_challenge(door, challenge, phone.recovery_codes[0])


async def test_a_challenge_lasts_for_five_minutes(door: Door, world: World, phone: Authenticator, clock: Clock) -> None:
    first, second = [await challenge_of(door, world.editor) for _ in range(2)]
    clock.move(timedelta(minutes=5) - timedelta(seconds=1))
    await complete(door, first, phone.code())
    clock.move(timedelta(seconds=1))
    await refuse_challenge(door, second, phone.next_code())
    # The next sign-in clears it away.
    await challenge_of(door, world.editor)
    assert await _count(door.app, SignInChallenge) == 1


async def _count(app: FastAPI, table: Any) -> int:
    async with app.state.database.read() as uow:
        count: int = await uow.session.one(select(func.count()).select_from(table))
    return count


async def test_what_is_no_challenge_costs_the_database_nothing(door: Door, world: World, phone: Authenticator) -> None:
    good = await challenge_of(door, world.editor)
    read = Challenges(SECRET).read(good)
    elsewhere = Challenges("another secret, as long as the first one").of(read.id, read.user_id)
    other_user = good[:30] + ("A" if good[30] != "A" else "B") + good[31:]
    foreign = (other_user, elsewhere.text, world.editor.token[:200])
    for bad in ("", "tfc_", "nonsense", good[:-1], good + "A", "é", *foreign):
        with pytest.raises(DoorError) as caught, statements(door.app) as seen:
            await complete(door, bad, phone.code())
        assert (caught.value.code, caught.value.message, seen) == ("UNAUTHENTICATED", EXPIRED, []), bad
    assert await complete(door, good, phone.code())


async def test_no_token_passes_for_another(door: Door, world: World, phone: Authenticator) -> None:
    challenge = await challenge_of(door, world.editor)
    async with refused(door, "UNAUTHENTICATED"):
        await door.call("get_me", token=challenge)
    async with refused(door, "UNAUTHENTICATED"):
        await door.call("refresh_session", data={"refresh_token": challenge})
    answer = await complete(door, challenge, phone.code())
    await refuse_challenge(door, answer["refresh_token"], phone.next_code())
    await refuse_challenge(door, answer["access_token"][:200], phone.next_code())


async def test_a_code_counts_once(door: Door, world: World, phone: Authenticator) -> None:
    first, second = [await challenge_of(door, world.editor) for _ in range(2)]
    code = phone.code()
    await complete(door, first, code)
    await refuse_code(door, second, code)
    # Nor one from before.
    await refuse_code(door, second, phone.code(steps=-1))
    await complete(door, second, phone.next_code())


async def test_the_code_that_switched_it_on_counts_no_more(door: Door, world: World, clock: Clock) -> None:
    phone = await switch_on(door, world.editor, clock)
    challenge = await challenge_of(door, world.editor)
    await refuse_code(door, challenge, phone.code())
    await complete(door, challenge, phone.next_code())


async def test_a_code_counts_once_however_many_come_at_once(door: Door, world: World, phone: Authenticator) -> None:
    challenges = [await challenge_of(door, world.editor) for _ in range(3)]
    code = phone.code()
    ends = await racing(*(complete(door, challenge, code) for challenge in challenges))
    assert sorted(ends) == ["OK", "VALIDATION_ERROR", "VALIDATION_ERROR"]
    ends = await racing(*(complete(door, challenges[0], code) for code in phone.recovery_codes[:1] * 2))
    assert sorted(ends) == ["OK", "UNAUTHENTICATED"] or ends == ["UNAUTHENTICATED"] * 2


@pytest.mark.parametrize("steps", [-2, -1, 0, 1, 2])
async def test_a_phone_may_be_a_step_before_or_behind(door: Door, world: World, clock: Clock, steps: int) -> None:
    phone = await switch_on(door, world.editor, clock)
    clock.move(10 * STEP)
    challenge = await challenge_of(door, world.editor)
    if abs(steps) <= 1:
        assert await complete(door, challenge, phone.code(steps=steps))
    else:
        await refuse_code(door, challenge, phone.code(steps=steps))


async def test_codes_are_understood_as_people_type_them(door: Door, world: World, phone: Authenticator) -> None:
    code = phone.code()
    await complete(door, await challenge_of(door, world.editor), f" {code[:3]} {code[3:]} ")
    recovery = phone.recovery_codes[0]
    typed = f" {recovery.upper().replace('-', ' ').replace('0', 'O').replace('1', 'l')}"
    await complete(door, await challenge_of(door, world.editor), typed)
    challenge = await challenge_of(door, world.editor)
    for wrong in ("", " ", "0" * 64, "½" * 6, "\x00", phone.wrong_code(), phone.secret, recovery):
        await refuse_code(door, challenge, wrong)
    async with refused(door, "VALIDATION_ERROR") as refusal:
        await complete(door, challenge, "0" * 65)
    assert refusal.paths == {"code"}


async def test_each_recovery_code_counts_once_and_the_security_log_is_told(
    door: Door, world: World, phone: Authenticator
) -> None:
    assert len(set(phone.recovery_codes)) == 10
    for left, code in zip((9, 8), phone.recovery_codes[:2], strict=True):
        challenge = await challenge_of(door, world.editor)
        assert (await complete(door, challenge, code))["token_type"] == "bearer"
        events = await log_of(door, world, kind="recovery_code_used")
        editor = str(world.editor.id)
        assert (events[-1]["user_id"], events[-1]["actor"], events[-1]["details"]) == (editor, editor, {"left": left})
    challenge = await challenge_of(door, world.editor)
    for code in phone.recovery_codes[:2]:
        await refuse_code(door, challenge, code)
    assert await _count(door.app, RecoveryCode) == 8


async def test_a_recovery_code_is_its_owners_own(door: Door, world: World, phone: Authenticator, clock: Clock) -> None:
    other = await switch_on(door, world.viewer, clock)
    challenge = await challenge_of(door, world.viewer)
    await refuse_code(door, challenge, phone.recovery_codes[0])
    await refuse_code(door, challenge, phone.code())
    await complete(door, challenge, other.next_code())


@pytest.mark.parametrize("end", ["password", "disabled", "switched off", "deleted"])
async def test_a_challenge_ends_with_what_it_was_asked_for_with(
    door: Door, world: World, phone: Authenticator, end: str
) -> None:
    challenge = await challenge_of(door, world.editor)
    root, editor = world.administrator.token, str(world.editor.id)
    if end == "password":
        data: dict[str, Any] = {"password": "New horse 1", "password_confirm": "New horse 1"}
        await door.call("update_user", token=root, id=editor, data=data)
    elif end == "disabled":
        await door.call("update_user", token=root, id=editor, data={"disabled": True})
    elif end == "switched off":
        await door.call("reset_two_step", token=root, id=editor)
    else:
        await door.call("delete_user", token=root, id=editor)
    await refuse_challenge(door, challenge, phone.code())
    if end == "password":
        fresh = await challenge_of(door, world.editor, password="New horse 1")
        assert await complete(door, fresh, phone.code())
    if end == "switched off":
        assert await door.call("login", data={"email": world.editor.email, "password": PASSWORD})


async def test_what_changes_between_the_look_and_the_lock_counts(
    door: Door, world: World, phone: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password that is changed while the code is looked at ends the sign-in."""
    challenge = await challenge_of(door, world.editor)
    attempts = door.app.state.identity.attempts
    new = {"password": "New horse 1", "password_confirm": "New horse 1"}

    async def change_meanwhile(*_: Any) -> None:
        await door.call("update_user", token=world.administrator.token, id=str(world.editor.id), data=new)

    monkeypatch.setattr(attempts, "forgive_code", change_meanwhile)
    with pytest.raises(DoorError) as caught:
        await complete(door, challenge, phone.code())
    assert (caught.value.code, caught.value.message) == ("UNAUTHENTICATED", EXPIRED)


async def test_the_database_holds_no_secret_that_works(door: Door, world: World, phone: Authenticator) -> None:
    challenge = await challenge_of(door, world.editor)
    async with door.app.state.database.read() as uow:
        shared = await uow.session.one(select(TwoStep))
        digests = await uow.session.all(select(RecoveryCode.digest))
        row = await uow.session.one(select(SignInChallenge))
    assert phone.secret.encode() not in shared.secret
    assert len(shared.secret) == 12 + 32 + 16
    assert {len(digest) for digest in digests} == {32}
    kept = repr(vars(row))
    assert challenge not in kept
    assert challenge[4:] not in kept


async def test_a_secret_is_its_accounts_own_and_the_keys(door: Door, world: World, phone: Authenticator) -> None:
    """A row that somebody puts beside another account, or takes along to another installation, opens nothing."""
    here, elsewhere = (SecondStep(key, issuer="T") for key in (SECRET, "another secret, as long as the first one"))
    async with door.app.state.database.read() as uow:
        sealed = (await uow.session.one(select(TwoStep))).secret
    now = phone.clock.now
    assert here.step_of(sealed, world.editor.id, phone.code(), now) == int(now.timestamp()) // 30
    assert here.step_of(sealed, world.viewer.id, phone.code(), now) is None
    assert elsewhere.step_of(sealed, world.editor.id, phone.code(), now) is None
    code, people = phone.recovery_codes[0], (world.editor.id, world.viewer.id)
    assert len({one.digest_of(code, who) for one in (here, elsewhere) for who in people}) == 4


async def test_failed_second_steps_are_told_with_where_they_came_from(
    door: Door, world: World, phone: Authenticator
) -> None:
    door.client.headers["User-Agent"] = "Test/1"
    challenge = await challenge_of(door, world.editor)
    await refuse_code(door, challenge, phone.wrong_code())
    [event] = await log_of(door, world, kind="second_step_failed")
    assert (event["user_id"], event["actor"], event["details"]) == (str(world.editor.id), "anonymous", {})
    assert (event["address"], event["device"]) == ("127.0.0.1", "Test/1")
    # Not before there is a session.
    assert await log_of(door, world, kind="signed_in") == []
    await complete(door, challenge, phone.code())
    assert len(await log_of(door, world, kind="signed_in")) == 1


async def test_sign_ins_at_once_are_sessions_of_their_own(door: Door, world: World, phone: Authenticator) -> None:
    challenges = await asyncio.gather(*(challenge_of(door, world.editor) for _ in range(3)))
    answers = await asyncio.gather(
        *(complete(door, one, code) for one, code in zip(challenges, phone.recovery_codes[:3], strict=True))
    )
    assert len({one["refresh_token"] for one in answers}) == 3
