"""Sessions at both doors: what prolongs them, what ends them, and that what ended never lives again."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from api.core.refresh_tokens import RefreshTokens
from api.services import sessions
from db.clock import utc_now
from db.models import UserSession
from tests.attempts.callers import door_from
from tests.conftest import SECRET
from tests.doors.door import Door, DoorError
from tests.doors.people import PASSWORD, Person, World
from tests.doors.refusals import refused
from tests.graphql.asking import statements

ENDED = "The session of this access token has ended. Sign in again."
REFRESH_ENDED = "The session of this refresh token has ended. Sign in again."
REUSED = "The refresh token was used before, so that somebody else may have it: its session was ended. Sign in again."
NOT_VALID = "The refresh token is not valid."

Answer = dict[str, Any]


async def sign_in(door: Door, person: Person) -> Answer:
    answer: Answer = await door.call("login", data={"email": person.email, "password": PASSWORD})
    return answer


async def refresh(door: Door, token: str) -> Answer:
    answer: Answer = await door.call("refresh_session", data={"refresh_token": token})
    return answer


async def counts(door: Door, answer: Answer) -> bool:
    """Return whether an access token counts; what does not belongs to a session that ended."""
    refusal = None
    try:
        await door.call("get_me", token=answer["access_token"])
    except DoorError as error:
        refusal = error
    assert refusal is None or (refusal.code, refusal.message) == ("UNAUTHENTICATED", ENDED)
    return refusal is None


async def age(app: FastAPI, session_id: str | None = None, **times: timedelta) -> None:
    """Move the times of sessions into the past."""
    now = utc_now()
    async with app.state.database.write() as uow:
        statement = update(UserSession).values({name: now - ago for name, ago in times.items()})
        if session_id is not None:
            statement = statement.where(UserSession.id == UUID(session_id))
        await uow.session.execute(statement)


async def id_of(door: Door, answer: Answer) -> str:
    """Return the id of the session of an access token."""
    listed = (await door.call("list_sessions", token=answer["access_token"]))["data"]
    [session] = [one for one in listed if one["current"]]
    return str(session["id"])


async def test_a_refresh_answers_another_pair_of_tokens_for_the_same_session(door: Door, world: World) -> None:
    first = await sign_in(door, world.editor)
    second = await refresh(door, first["refresh_token"])
    third = await refresh(door, second["refresh_token"])

    assert {key: second[key] for key in ("token_type", "expires_in", "refresh_expires_in")} == {
        "token_type": "bearer",
        "expires_in": 15 * 60,
        "refresh_expires_in": 30 * 24 * 3600,
    }
    tokens = [one["refresh_token"] for one in (first, second, third)]
    assert len({*tokens}) == 3
    assert all(token.startswith("tfr_") for token in tokens)
    assert [await counts(door, one) for one in (first, second, third)] == [True] * 3
    assert len({await id_of(door, one) for one in (first, second, third)}) == 1


async def test_the_database_holds_no_refresh_token(door: Door, world: World) -> None:
    answer = await sign_in(door, world.editor)
    token = RefreshTokens(SECRET, lifetime=timedelta(days=30)).read(answer["refresh_token"])
    async with door.app.state.database.read() as uow:
        row = await uow.session.one(select(UserSession).where(UserSession.id == token.session_id))
    assert row.refresh_hash == token.digest
    assert answer["refresh_token"].encode() not in repr(vars(row)).encode()
    assert token.nonce not in row.refresh_hash


async def test_a_refresh_token_that_was_used_before_ends_the_session_with_all_its_tokens(
    door: Door, world: World
) -> None:
    first = await sign_in(door, world.editor)
    other = await sign_in(door, world.editor)
    second = await refresh(door, first["refresh_token"])
    third = await refresh(door, second["refresh_token"])

    with pytest.raises(DoorError) as caught:
        await refresh(door, first["refresh_token"])
    assert (caught.value.code, caught.value.message) == ("UNAUTHENTICATED", REUSED)
    assert [await counts(door, one) for one in (first, second, third)] == [False] * 3
    for answer in (first, second, third):
        async with refused(door, "UNAUTHENTICATED") as refusal:
            await refresh(door, answer["refresh_token"])
        assert refusal.message == REFRESH_ENDED
    # Nobody else's, and no other of the same user's.
    assert await counts(door, other)
    assert await door.call("get_me", token=world.viewer.token)
    events = await door.call("list_security_events", token=world.administrator.token, kind="refresh_token_reused")
    [event] = events["data"]
    assert (event["user_id"], event["actor"]) == (str(world.editor.id), "anonymous")


async def test_two_requests_that_race_with_one_token_get_the_same_next_one(door: Door, world: World) -> None:
    first = await sign_in(door, world.editor)
    answers = await asyncio.gather(*(refresh(door, first["refresh_token"]) for _ in range(5)))
    assert len({one["refresh_token"] for one in answers}) == 1
    assert [await counts(door, one) for one in answers] == [True] * 5
    assert await refresh(door, answers[0]["refresh_token"])


async def test_the_token_before_the_last_one_counts_for_ten_seconds_and_not_longer(door: Door, world: World) -> None:
    first = await sign_in(door, world.editor)
    second = await refresh(door, first["refresh_token"])
    await age(door.app, last_used_at=timedelta(seconds=9))
    assert (await refresh(door, first["refresh_token"]))["refresh_token"] == second["refresh_token"]
    # That was no use of it: the ten seconds go on.
    await age(door.app, last_used_at=timedelta(seconds=11))
    with pytest.raises(DoorError) as caught:
        await refresh(door, first["refresh_token"])
    assert caught.value.message == REUSED
    assert not await counts(door, second)


async def test_a_race_does_not_prolong_the_ten_seconds(door: Door, world: World) -> None:
    first = await sign_in(door, world.editor)
    await refresh(door, first["refresh_token"])
    await age(door.app, last_used_at=timedelta(seconds=9))
    async with door.app.state.database.read() as uow:
        before = await uow.session.all(select(UserSession.last_used_at))
    await refresh(door, first["refresh_token"])
    async with door.app.state.database.read() as uow:
        assert await uow.session.all(select(UserSession.last_used_at)) == before


async def test_a_token_that_is_none_is_refused_without_a_look_into_the_database(door: Door, world: World) -> None:
    good = (await sign_in(door, world.editor))["refresh_token"]
    elsewhere = RefreshTokens("another secret, as long as the first one", lifetime=timedelta(days=30))
    session_id = RefreshTokens(SECRET, lifetime=timedelta(days=30)).read(good).session_id
    for bad in (
        "",
        "tfr_",
        "nonsense",
        good[:-1],
        good + "A",
        good.removeprefix("tfr_"),
        "tfr_" + good,
        good[:30] + ("A" if good[30] != "A" else "B") + good[31:],
        elsewhere.first(session_id).text,
        world.editor.token[:200],
        "é" * 20,
    ):
        with pytest.raises(DoorError) as caught, statements(door.app) as seen:
            await refresh(door, bad)
        assert (caught.value.code, caught.value.message, seen) == ("UNAUTHENTICATED", NOT_VALID, []), bad
    assert await refresh(door, good)


async def test_a_genuine_token_of_a_history_that_never_was_ends_the_session(door: Door, world: World) -> None:
    answer = await sign_in(door, world.editor)
    tokens = RefreshTokens(SECRET, lifetime=timedelta(days=30))
    forked = tokens.first(tokens.read(answer["refresh_token"]).session_id)
    with pytest.raises(DoorError) as caught:
        await refresh(door, forked.text)
    assert caught.value.message == REUSED
    assert not await counts(door, answer)


async def test_neither_kind_of_token_passes_for_another(door: Door, world: World) -> None:
    answer = await sign_in(door, world.editor)
    for wrong in (answer["refresh_token"], None):
        async with refused(door, "UNAUTHENTICATED"):
            await door.call("get_me", token=wrong)
    ticket = (await door.call("create_stream_ticket", token=answer["access_token"], data={}))["ticket"]
    async with refused(door, "UNAUTHENTICATED"):
        await door.call("get_me", token=ticket)
    async with refused(door, "VALIDATION_ERROR") as refusal:
        await door.call("refresh_session", data={"refresh_token": ticket})
    assert refusal.paths == {"refresh_token"}
    async with refused(door, "VALIDATION_ERROR") as refusal:
        await door.call("refresh_session", data={"refresh_token": answer["access_token"] * 2})
    assert refusal.paths == {"refresh_token"}
    for data in ({}, {"refresh_token": None}):
        async with refused(door, "VALIDATION_ERROR") as refusal:
            await door.call("refresh_session", data=data)
        assert refusal.paths == {"refresh_token"}


async def test_nobody_names_a_user_or_a_session_to_sign_in_as(door: Door, world: World) -> None:
    token = (await sign_in(door, world.editor))["refresh_token"]
    right = {"email": world.editor.email, "password": PASSWORD}
    for extra in ({"user_id": str(world.administrator.id)}, {"session_id": str(world.administrator.session)}):
        for operation, data in (("login", right), ("refresh_session", {"refresh_token": token})):
            async with refused(door, "VALIDATION_ERROR") as refusal:
                await door.call(operation, data={**data, **extra})
            assert refusal.paths == set(extra)


async def test_a_session_that_was_not_refreshed_for_thirty_days_has_ended(door: Door, world: World) -> None:
    answer = await sign_in(door, world.editor)
    session_id = await id_of(door, answer)
    await age(door.app, session_id, expires_at=timedelta(seconds=1))
    assert not await counts(door, answer)
    async with refused(door, "UNAUTHENTICATED") as refusal:
        await refresh(door, answer["refresh_token"])
    assert refusal.message == REFRESH_ENDED
    listed = await door.call("list_sessions", token=world.editor.token)
    assert session_id not in [one["id"] for one in listed["data"]]
    # The next sign-in clears it away.
    await sign_in(door, world.editor)
    async with door.app.state.database.read() as uow:
        assert UUID(session_id) not in await uow.session.all(select(UserSession.id))


async def test_a_refresh_prolongs_the_session(door: Door, world: World) -> None:
    answer = await sign_in(door, world.editor)
    session_id = await id_of(door, answer)
    past = utc_now() - timedelta(days=29)
    await age(door.app, session_id, last_used_at=timedelta(days=29), expires_at=timedelta(days=-1))
    await refresh(door, answer["refresh_token"])
    listed = (await door.call("list_sessions", token=answer["access_token"]))["data"]
    [session] = [one for one in listed if one["id"] == session_id]
    assert session["last_used_at"] > past.isoformat()
    assert session["expires_at"] > (utc_now() + timedelta(days=29)).isoformat()


async def test_signing_out_ends_the_session_at_once_and_no_other(door: Door, world: World) -> None:
    one, other = await sign_in(door, world.editor), await sign_in(door, world.editor)
    await door.call("logout", token=one["access_token"])
    assert [await counts(door, each) for each in (one, other)] == [False, True]
    for operation, arguments in (("logout", {}), ("revoke_all_sessions", {}), ("revoke_session", {"id": str(uuid4())})):
        async with refused(door, "UNAUTHENTICATED") as refusal:
            await door.call(operation, token=one["access_token"], **arguments)
        assert refusal.message == ENDED


async def test_sessions_are_listed_with_device_address_and_times(door: Door, world: World) -> None:
    door.client.headers["User-Agent"] = "Phone/1\x7f " + "x" * 300
    answer = await sign_in(door, world.editor)
    listed = (await door.call("list_sessions", token=answer["access_token"]))["data"]
    assert [one["current"] for one in listed] == [True, False]
    assert (listed[0]["device"], listed[0]["address"]) == (("Phone/1 " + "x" * 300)[:200], "127.0.0.1")
    assert listed[0]["created_at"] == listed[0]["last_used_at"] > listed[1]["created_at"]

    door.client.headers["User-Agent"] = "Phone/2"
    await refresh(door, answer["refresh_token"])
    [changed, _] = (await door.call("list_sessions", token=world.editor.token))["data"]
    assert (changed["device"], changed["current"]) == ("Phone/2", False)
    assert changed["last_used_at"] > changed["created_at"] == listed[0]["created_at"]
    # A request is no use of it.
    await door.call("get_me", token=answer["access_token"])
    assert (await door.call("list_sessions", token=world.editor.token))["data"][0] == changed


async def test_what_a_proxy_takes_for_an_address_is_cut(app: FastAPI, door: Door, world: World) -> None:
    elsewhere = door_from("not an address " + "x" * 100, app, door.name)
    answer = await sign_in(elsewhere, world.editor)
    [session, _] = (await door.call("list_sessions", token=answer["access_token"]))["data"]
    assert session["address"] == ("not an address " + "x" * 100)[:45]


async def test_sessions_are_listed_page_by_page_to_their_user_alone(door: Door, world: World) -> None:
    for _ in range(3):
        await sign_in(door, world.editor)
    whole = await door.call("list_sessions", token=world.editor.token, include_total=True)
    assert (whole["total"], len(whole["data"])) == (4, 4)
    first = await door.call("list_sessions", token=world.editor.token, limit=3)
    second = await door.call("list_sessions", token=world.editor.token, limit=3, cursor=first["next_cursor"])
    assert first["data"] + second["data"] == whole["data"]
    for person in (world.viewer, world.administrator):
        assert len((await door.call("list_sessions", token=person.token))["data"]) == 1


async def test_a_session_is_revoked_by_its_user_alone(door: Door, world: World) -> None:
    one = await sign_in(door, world.editor)
    session_id = await id_of(door, one)
    for person in (world.viewer, world.administrator):
        async with refused(door, "NOT_FOUND") as refusal:
            await door.call("revoke_session", token=person.token, id=session_id)
        assert refusal.message == "There is no such session."
    await door.call("revoke_session", token=world.editor.token, id=session_id)
    assert not await counts(door, one)
    async with refused(door, "NOT_FOUND"):
        await door.call("revoke_session", token=world.editor.token, id=session_id)


async def test_all_sessions_but_the_one_that_asks_are_revoked_at_once(door: Door, world: World) -> None:
    others = [await sign_in(door, world.editor) for _ in range(2)]
    assert await door.call("revoke_all_sessions", token=world.editor.token) == {"revoked": 2}
    assert [await counts(door, each) for each in others] == [False, False]
    assert await door.call("get_me", token=world.editor.token)
    assert await door.call("get_me", token=world.viewer.token)
    assert await door.call("revoke_all_sessions", token=world.editor.token) == {"revoked": 0}


async def disable_and_enable(door: Door, world: World) -> None:
    for disabled in (True, False):
        data = {"disabled": disabled}
        await door.call("update_user", token=world.administrator.token, id=str(world.editor.id), data=data)


async def set_password(door: Door, world: World) -> None:
    data = {"password": "New horse 1", "password_confirm": "New horse 1"}
    await door.call("update_user", token=world.administrator.token, id=str(world.editor.id), data=data)


async def delete(door: Door, world: World) -> None:
    await door.call("delete_user", token=world.administrator.token, id=str(world.stranger.id))


@pytest.mark.parametrize(
    ("end", "name"), [(disable_and_enable, "editor"), (set_password, "editor"), (delete, "stranger")]
)
async def test_what_shuts_a_user_out_ends_the_refresh_tokens_too(
    door: Door, world: World, end: Callable[[Door, World], Awaitable[None]], name: str
) -> None:
    person: Person = getattr(world, name)
    answer = await sign_in(door, person)
    await end(door, world)
    async with refused(door, "UNAUTHENTICATED") as refusal:
        await refresh(door, answer["refresh_token"])
    assert refusal.message == REFRESH_ENDED
    async with door.app.state.database.read() as uow:
        assert await uow.session.all(select(UserSession.id).where(UserSession.user_id == person.id)) == []


async def test_a_user_has_so_many_sessions_and_the_one_unused_for_longest_goes(
    door: Door, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "MOST", 3)
    oldest, next_ = await sign_in(door, world.viewer), await sign_in(door, world.viewer)
    await age(door.app, str(world.viewer.session), last_used_at=timedelta(days=1))
    await sign_in(door, world.viewer)
    async with refused(door, "UNAUTHENTICATED"):
        await door.call("get_me", token=world.viewer.token)
    await refresh(door, oldest["refresh_token"])
    await sign_in(door, world.viewer)
    assert [await counts(door, each) for each in (oldest, next_)] == [True, False]
    assert await door.call("get_me", token=world.editor.token)


async def test_a_password_that_changed_while_it_was_checked_signs_nobody_in(
    door: Door, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords = door.app.state.identity.passwords
    verify = passwords.verify

    async def overtaken(*given: Any, **whose: Any) -> bool:
        monkeypatch.undo()
        fits: bool = await verify(*given, **whose)
        await set_password(door, world)
        return fits

    monkeypatch.setattr(passwords, "verify", overtaken)
    with pytest.raises(DoorError) as caught:
        await sign_in(door, world.editor)
    assert (caught.value.code, caught.value.message) == (
        "UNAUTHENTICATED",
        "The e-mail address or the password is wrong.",
    )
    async with door.app.state.database.read() as uow:
        assert await uow.session.all(select(UserSession.id).where(UserSession.user_id == world.editor.id)) == []


async def test_who_calls_is_one_statement_with_the_session_in_it(
    door: Door, world: World, client: httpx.AsyncClient
) -> None:
    """That of the request itself comes on top."""
    with statements(door.app) as seen:
        await door.call("get_me", token=world.editor.token)
    assert len(seen) == 2
    assert "sessions" in seen[0]
