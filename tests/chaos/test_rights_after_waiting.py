"""A write that waited is judged by the rights of the moment in which its wait is over."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import delete, select, update

from api.core.passwords import Passwords
from api.schemas.workspaces import WorkspaceUpdate
from api.services.workspaces import update_workspace
from db.engine import Database
from db.models import ApiKey, Base, KeyAccess, User, UserRole, UserSession
from db.repositories import users
from db.unit_of_work import UnitOfWork
from tests.chaos.waiting import LIMIT_SECONDS, someone_waits, until
from tests.doors.door import Door, DoorError
from tests.doors.keys import make_key
from tests.doors.people import PASSWORD, Person, World, sign_in
from tests.doors.rows import all_rows

GONE = "The account of this access token no longer exists."
PAST, FUTURE = datetime(2000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
ENDED = "The session of this access token has ended. Sign in again."

ENDS: dict[str, tuple[dict[str, Any], str, str]] = {
    "disabled": ({"disabled": True}, "UNAUTHENTICATED", "The account is disabled."),
    "signed out": ({}, "UNAUTHENTICATED", ENDED),
    "deleted": ({"deleted_at": User.created_at}, "UNAUTHENTICATED", GONE),
    "demoted": ({"role": UserRole.MEMBER}, "FORBIDDEN", "Only administrators may do this."),
}
"""What happens to the account meanwhile (nothing: its session ends), and what the write is answered with."""


async def bring_about(uow: UnitOfWork, end: str, person: Person) -> None:
    """Let a person lose its right."""
    values, *_ = ENDS[end]
    if values:
        await uow.session.execute(update(User).where(User.id == person.id).values(**values))
    else:
        await uow.session.execute(update(UserSession).where(UserSession.id == person.session).values(expires_at=PAST))


Hold = Callable[[UnitOfWork], Awaitable[object]]


async def refusal_of(door: Door, operation: str, **arguments: Any) -> tuple[str, str] | None:
    """Return code and message of the error that a call is answered with."""
    try:
        await door.call(operation, **arguments)
    except DoorError as error:
        return error.code, error.message
    return None


async def after_a_wait(door: Door, person: Person, end: str, hold: Hold, call: tuple[str, dict[str, Any]]) -> None:
    """Let a call wait for a lock that is held, change the account, let go, and expect the refusal and no trace."""
    database: Database = door.app.state.database
    _, *expected = ENDS[end]
    operation, arguments = call
    async with asyncio.timeout(LIMIT_SECONDS):
        async with database.write() as uow:
            await hold(uow)
            waiting = asyncio.create_task(refusal_of(door, operation, token=person.token, **arguments))
            await until(someone_waits(database))
            await bring_about(uow, end, person)
            before = await rows_of(uow)
        assert await waiting == tuple(expected), (operation, end)
    after = await all_rows(door.app)
    assert {table: len(rows) for table, rows in after.items()} == {**before, "jobs": 0}


async def rows_of(uow: UnitOfWork) -> dict[str, int]:
    """Return how many rows each table has within a transaction."""
    return {
        table.name: len(await uow.session.rows(select(*table.primary_key.columns)))
        for table in Base.metadata.sorted_tables
    }


@pytest.mark.parametrize("end", ["disabled", "signed out", "deleted"])
async def test_a_write_in_a_workspace_is_refused_if_its_user_lost_its_right_while_it_waited(
    door: Door, world: World, end: str
) -> None:
    async def hold(uow: UnitOfWork) -> None:
        await update_workspace(uow, world.admin.actor, world.workspace, WorkspaceUpdate(name="Held"))

    data = {"workspace_id": str(world.workspace), "title": "Too late"}
    await after_a_wait(door, world.editor, end, hold, ("create_item", {"data": data}))


@pytest.mark.parametrize("operation", ["create_item", "create_workspace"])
async def test_a_write_by_an_api_key_is_refused_if_the_key_was_revoked_while_it_waited(
    door: Door, world: World, operation: str
) -> None:
    database: Database = door.app.state.database
    key = await make_key(door.app, world.editor, KeyAccess.WRITE)
    calls = {
        "create_item": {"workspace_id": str(world.workspace), "title": "Too late"},
        "create_workspace": {"name": "Too late"},
    }
    async with asyncio.timeout(LIMIT_SECONDS):
        async with database.write() as uow:
            await update_workspace(uow, world.admin.actor, world.workspace, WorkspaceUpdate(name="Held"))
            await users.lock(uow.session, world.editor.id)
            waiting = asyncio.create_task(refusal_of(door, operation, token=key.key, data=calls[operation]))
            await until(someone_waits(database))
            await uow.session.execute(delete(ApiKey).where(ApiKey.id == key.id))
        assert await waiting == ("UNAUTHENTICATED", "The API key was revoked or has expired.")
    rows = await all_rows(door.app)
    assert not any("Too late" in row for table in ("items", "workspaces") for row in rows[table])


def account_calls(world: World) -> list[tuple[Person, str, dict[str, Any], list[str]]]:
    """Return what waits for accounts: who, what, and the ends that matter to it."""
    root, editor, viewer = world.administrator, world.editor, world.viewer
    whoever = ["disabled", "signed out", "deleted"]
    return [
        (editor, "update_me", {"data": {"name": "Too late"}}, whoever),
        (editor, "create_workspace", {"data": {"name": "Too late"}}, whoever),
        (root, "update_user", {"id": str(viewer.id), "data": {"name": "Too late"}}, [*whoever, "demoted"]),
        (root, "delete_user", {"id": str(viewer.id)}, [*whoever, "demoted"]),
    ]


@pytest.mark.parametrize("which", range(4), ids=["update_me", "create_workspace", "update_user", "delete_user"])
async def test_an_operation_on_accounts_is_refused_if_its_user_lost_its_right_while_it_waited(
    door: Door, world: World, which: int
) -> None:
    person, operation, arguments, ends = account_calls(world)[which]

    async def hold(uow: UnitOfWork) -> None:
        await users.lock(uow.session, person.id)
        # On SQLite it is the turn to write that is held.
        await uow.session.execute(update(User).where(User.id == person.id).values(name=person.name))

    database: Database = door.app.state.database
    for end in ends:
        await after_a_wait(door, person, end, hold, (operation, arguments))
        async with database.write() as uow:
            role = UserRole.ADMIN if person is world.administrator else UserRole.MEMBER
            former = {"disabled": False, "deleted_at": None, "role": role}
            await uow.session.execute(update(User).where(User.id == person.id).values(**former))
            await uow.session.execute(update(UserSession).values(expires_at=FUTURE))


@pytest.mark.parametrize("end", list(ENDS))
async def test_an_administrator_who_loses_the_right_while_a_password_is_hashed_creates_no_account(
    door: Door, world: World, app: FastAPI, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    database: Database = app.state.database
    _, code, message = ENDS[end]
    if end == "demoted":
        message = "Only administrators may create administrators."
    hash_ = Passwords.hash

    async def slow(self: Passwords, password: str, **whose: Any) -> str:
        async with database.write() as uow:
            await bring_about(uow, end, world.administrator)
        return await hash_(self, password, **whose)

    monkeypatch.setattr(Passwords, "hash", slow)
    data = {"name": "New", "email": "new@example.com", "password": PASSWORD, "password_confirm": PASSWORD}
    call = {"token": world.administrator.token, "data": {**data, "role": "admin"}}
    assert await refusal_of(door, "create_user", **call) == (code, message)
    assert not any("new@example.com" in row for row in (await all_rows(app))["users"])


async def test_of_two_changes_of_a_password_the_one_that_proved_the_old_one_too_late_is_refused(
    door: Door, world: World, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    hash_ = Passwords.hash
    late = True

    async def overtaken(self: Passwords, password: str, **whose: Any) -> str:
        nonlocal late
        if late:
            late = False
            data = {"password": "First horse 1", "password_confirm": "First horse 1", "current_password": PASSWORD}
            await door.call("update_me", token=world.editor.token, data=data)
        return await hash_(self, password, **whose)

    monkeypatch.setattr(Passwords, "hash", overtaken)
    data = {"password": "Other horse 1", "password_confirm": "Other horse 1", "current_password": PASSWORD}
    with pytest.raises(DoorError) as caught:
        await door.call("update_me", token=world.editor.token, data=data)
    assert (caught.value.code, caught.value.paths) == ("VALIDATION_ERROR", {"current_password"})
    assert await door.call("login", data={"email": world.editor.email, "password": "First horse 1"})


async def test_who_is_deleted_while_it_creates_a_workspace_leaves_none_behind(door: Door, world: World) -> None:
    """Either comes first: the workspace goes with its account, or is not made."""
    delete = {"token": world.administrator.token, "id": str(world.stranger.id)}
    create = {"token": world.stranger.token, "data": {"name": "Orphan"}}
    async with asyncio.timeout(LIMIT_SECONDS):
        created, deleted = await asyncio.gather(
            refusal_of(door, "create_workspace", **create), refusal_of(door, "delete_user", **delete)
        )
    assert deleted is None
    assert created in (None, ("UNAUTHENTICATED", GONE))
    rows = await all_rows(door.app)
    assert not any("Orphan" in row for row in rows["workspaces"])


async def test_a_refresh_that_waited_finds_its_session_as_it_is_then(door: Door, world: World, app: FastAPI) -> None:
    token, session_id = await sign_in(app, world.editor)
    database: Database = app.state.database
    async with asyncio.timeout(LIMIT_SECONDS):
        async with database.write() as uow:
            await users.lock(uow.session, world.editor.id)
            # On SQLite it is the turn to write that is held.
            await uow.session.execute(delete(UserSession).where(UserSession.id == session_id))
            waiting = asyncio.create_task(refusal_of(door, "refresh_session", data={"refresh_token": token}))
            await until(someone_waits(database))
        assert await waiting == ("UNAUTHENTICATED", "The session of this refresh token has ended. Sign in again.")
