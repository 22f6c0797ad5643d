"""What has expired is removed once a day."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from api.config import Settings
from api.core.actor import SYSTEM
from api.core.mail_tokens import digest_of
from api.schemas.jobs import Sweep
from api.schemas.messages import MessageCreate
from api.server.working import tools_of
from api.services import trash as trash_service
from api.services.items import delete_item, get_item, get_items, purge_item, restore_item
from api.services.messages import create_message
from api.services.trash import empty_trash
from api.services.work import sweep as sweeping
from api.services.work.sweep import day_of, job_id_of, sweep
from api.services.work.worker import Worker
from db.clock import utc_now
from db.engine import Database
from db.models import (
    Invitation,
    Item,
    Job,
    JobStatus,
    MailPurpose,
    MailToken,
    OutboxMail,
    Role,
    SecurityEvent,
    SecurityEventKind,
    UserSession,
)
from db.models.base import new_id
from db.paging import PageRequest
from db.repositories import invitations, items, jobs, mail_tokens, outbox, sessions
from db.session import ReadSession
from tests.conftest import AppFactory, make_settings
from tests.doors.door import Door
from tests.doors.history import changes_after
from tests.doors.people import World, make_world
from tests.doors.refusals import refused
from tests.streams.writing import add_item, last_seq, write

TODAY = date(2026, 3, 1)


@pytest.fixture
async def app(make_app: AppFactory) -> FastAPI:
    """An application whose jobs wait for a worker that never comes."""
    app: FastAPI = await make_app()
    return app


def mail(age: timedelta) -> OutboxMail:
    return OutboxMail(
        id=new_id(),
        created_at=utc_now() - age,
        recipient="a@example.com",
        subject="s",
        text="t",
        html="h",
        message_id="m",
    )


def token(world: World, expired: timedelta) -> MailToken:
    return MailToken(
        id=new_id(),
        digest=digest_of(str(expired)),
        purpose=MailPurpose.VERIFICATION,
        user_id=world.viewer.id,
        email="viewer@example.com",
        password_digest=digest_of(""),
        expires_at=utc_now() - expired,
    )


def invitation(world: World, expired: timedelta) -> Invitation:
    return Invitation(
        id=new_id(),
        workspace_id=world.workspace,
        email=f"{expired.total_seconds()}@example.com",
        role=Role.EDITOR,
        inviter_id=world.admin.id,
        expires_at=utc_now() - expired,
        letter_id=new_id(),
    )


async def all_jobs(database: Database) -> list[Job]:
    async with database.read() as uow:
        return list((await jobs.page(uow.session, PageRequest(jobs.NEWEST_FIRST, 100), None)).rows)


async def test_only_what_expired_is_removed(settings: Settings, app: FastAPI, world: World) -> None:
    database: Database = app.state.database
    ages = (timedelta(days=-1), timedelta(hours=23), timedelta(hours=25))
    tokens, asked = [token(world, age) for age in ages], [invitation(world, age) for age in ages]
    mails = [mail(timedelta(days=days)) for days in (1, 29, 31)]
    async with database.write() as uow:
        await uow.session.insert(*tokens)
        await uow.session.insert(*mails)
        await uow.session.insert(*asked)
    await sweep(tools_of(settings, database), new_id(), Sweep(day=TODAY))
    async with database.read() as uow:
        assert [await mail_tokens.find(uow.session, one.id) is None for one in tokens] == [False, False, True]
        assert [await invitations.find(uow.session, one.id) is None for one in asked] == [False, False, True]
        assert [await outbox.find(uow.session, one.id) is None for one in mails] == [False, False, True]


async def test_jobs_that_ended_are_forgotten_and_open_ones_never(settings: Settings, app: FastAPI) -> None:
    database: Database = app.state.database
    ids = [new_id() for _ in range(3)]
    for job_id in ids:
        async with database.write() as uow:
            await uow.enqueue("work", {}, job_id=job_id)
    await database.jobs().cancel(ids[0])
    await database.jobs().cancel(ids[1])
    async with database.read() as uow:
        now = utc_now()
        assert await jobs.ended_before(uow.session, now - timedelta(minutes=1), [JobStatus.CANCELLED], 10) == []
        found = await jobs.ended_before(uow.session, now + timedelta(minutes=1), [JobStatus.CANCELLED], 10)
    assert sorted(found) == sorted(ids[:2])
    await database.jobs().forget(found)
    assert [job.id for job in await all_jobs(database)] == [ids[2]]
    await sweep(tools_of(settings, database), new_id(), Sweep(day=TODAY))
    assert [job.id for job in await all_jobs(database)] == [ids[2]]


def test_the_day_of_a_sweep_begins_at_three_in_the_morning() -> None:
    assert day_of(datetime(2026, 3, 1, 2, 59, tzinfo=UTC)) == date(2026, 2, 28)
    assert day_of(datetime(2026, 3, 1, 3, 0, tzinfo=UTC)) == TODAY
    assert job_id_of(TODAY) == job_id_of(date(2026, 3, 1)) != job_id_of(date(2026, 3, 2))


async def test_a_day_has_one_sweep_however_many_workers_promise_it(settings: Settings, app: FastAPI) -> None:
    database: Database = app.state.database
    for _ in range(3):
        await Worker(tools_of(settings, database))._say_present()
    assert [job.kind for job in await all_jobs(database)] == ["sweep"]


async def trash(app: FastAPI, world: World, title: str, age: timedelta) -> Item:
    """Let an item lie in the trash for so long, with a thread."""
    item = await add_item(app, world, title)
    await write(app, create_message, world.editor.actor, MessageCreate(item_id=item.id, body=f"About the {title}"))
    await write(app, delete_item, world.editor.actor, item.id)
    async with app.state.database.write() as uow:
        await uow.session.execute(update(Item).where(Item.id == item.id).values(deleted_at=utc_now() - age))
    return item


async def test_the_trash_is_emptied_as_an_admin_would_have_done_it(
    door: Door, settings: Settings, app: FastAPI, world: World
) -> None:
    old, young = [await trash(app, world, f"Rake {days}", timedelta(days=days)) for days in (31, 29)]
    kept = await add_item(app, world)
    seq = await last_seq(app, world)
    await sweep(tools_of(settings, app.state.database), new_id(), Sweep(day=TODAY))

    token, log = world.viewer.token, await changes_after(door, world.viewer.token, world.workspace, seq)
    assert [(one["kind"], one["entity"], one["state"], one["actor_id"]) for one in log] == [
        ("deleted", "message", None, None),
        ("deleted", "item", None, None),
    ]
    assert (log[0]["changed"]["body"], log[1]["entity_id"]) == ("About the Rake 31", str(old.id))
    async with refused(door, "NOT_FOUND"):
        await door.call("get_item", token=token, id=str(old.id))
    for item in (young, kept):
        assert (await door.call("get_item", token=token, id=str(item.id)))["id"] == str(item.id)
    [message] = (await door.call("list_messages", token=token, item_id=str(young.id)))["data"]
    assert message["body"] == "About the Rake 29"
    # Sent again, the item goes on from the version with which it went.
    data = {"id": str(old.id), "title": "Rake", "workspace_id": str(world.workspace)}
    again = await door.call("create_item", token=world.editor.token, data=data)
    assert again["version"] == log[1]["version"] + 1


async def test_what_was_taken_out_of_the_trash_meanwhile_stays(app: FastAPI, world: World) -> None:
    item = await trash(app, world, "Rake", timedelta(days=31))
    before = utc_now() - timedelta(days=30)
    await write(app, restore_item, world.editor.actor, item.id)
    assert not await write(app, purge_item, SYSTEM, item.id, trashed_before=before)
    await write(app, delete_item, world.editor.actor, item.id)
    assert not await write(app, purge_item, SYSTEM, item.id, trashed_before=before)
    async with app.state.database.read() as uow:
        assert (await get_item(uow, world.viewer.actor, item.id)).title == "Rake"


async def test_more_than_a_batch_goes_and_what_somebody_else_deleted_is_passed_over(
    app: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [(await trash(app, world, f"Rake {number}", timedelta(days=2))).id for number in range(3)]
    monkeypatch.setattr(trash_service, "BATCH", 2)
    one_is_gone = new_id()
    real = items.in_trash_before

    async def and_one_that_is_gone(session: ReadSession, moment: datetime, most: int) -> Sequence[UUID]:
        return [*await real(session, moment, most), one_is_gone]

    monkeypatch.setattr(items, "in_trash_before", and_one_that_is_gone)
    assert await empty_trash(app.state.database, SYSTEM, before=utc_now() - timedelta(days=1)) == 3
    async with app.state.database.read() as uow:
        assert await get_items(uow, world.viewer.actor, found) == [None] * 3


async def test_sessions_and_old_entries_of_the_security_log_go(
    settings: Settings, app: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two at a time, so that it takes several batches.
    monkeypatch.setattr(sweeping, "BATCH", 2)
    database: Database = app.state.database
    ended = [session(world, timedelta(hours=hours)) for hours in (-1, 23, 25, 26, 27, 28, 29)]
    events = [event(world, timedelta(days=days)) for days in (0, 364, 366, 367, 368, 369, 370)]
    async with database.write() as uow:
        await uow.session.insert(*ended)
        await uow.session.insert(*events)
    await sweep(tools_of(settings, database), new_id(), Sweep(day=TODAY))
    assert await present(database, UserSession, ended) == [True, True, *[False] * 5]
    assert await present(database, SecurityEvent, events) == [True, True, *[False] * 5]


async def test_a_setting_of_none_keeps_everything(make_app: AppFactory, database_url: str, tmp_path: Path) -> None:
    settings = make_settings(database_url, tmp_path, trash_days=0, security_log_days=0)
    app = await make_app()
    world = await make_world(app)
    item = await trash(app, world, "Rake", timedelta(days=1000))
    old = event(world, timedelta(days=1000))
    async with app.state.database.write() as uow:
        await uow.session.insert(old)
    await sweep(tools_of(settings, app.state.database), new_id(), Sweep(day=TODAY))
    assert await present(app.state.database, Item, [item]) == [True]
    assert await present(app.state.database, SecurityEvent, [old]) == [True]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_the_sweep_waits_for_nobody_who_writes_a_session(app: FastAPI, world: World) -> None:
    database: Database = app.state.database
    ended = [session(world, timedelta(days=2)), session(world, timedelta(days=3))]
    async with database.write() as uow:
        await uow.session.insert(*ended)
    async with database.write() as other, asyncio.timeout(10):
        own = update(UserSession).where(UserSession.id == ended[0].id).values(device="here")
        await other.session.execute(own)
        async with database.write() as uow:
            assert await sessions.remove_expired(uow.session, utc_now(), 10) == 1
    assert await present(database, UserSession, ended) == [True, False]


def session(world: World, expired: timedelta) -> UserSession:
    now = utc_now()
    return UserSession(
        id=new_id(),
        user_id=world.viewer.id,
        last_used_at=now - timedelta(days=30),
        expires_at=now - expired,
        refresh_hash=b"x" * 32,
    )


def event(world: World, age: timedelta) -> SecurityEvent:
    return SecurityEvent(
        id=new_id(),
        at=utc_now() - age,
        kind=SecurityEventKind.SIGNED_IN,
        user_id=world.viewer.id,
        actor=str(world.viewer.id),
        details={},
    )


async def present(database: Database, kind: Any, rows: Sequence[Any]) -> list[bool]:
    async with database.read() as uow:
        there = set(await uow.session.all(select(kind.id)))
    return [row.id in there for row in rows]
