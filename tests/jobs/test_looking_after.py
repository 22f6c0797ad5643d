"""Administrators look after jobs, at both doors; what others may is in the matrix."""

from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from api.schemas.jobs import LetterKind, SendMail
from api.services.jobs import enqueue
from db.engine import Database
from db.models.base import new_id
from tests.conftest import AppFactory
from tests.doors.door import Door, DoorError
from tests.doors.people import World
from tests.doors.rows import all_rows


@pytest.fixture
async def app(make_app: AppFactory) -> FastAPI:
    """An application whose jobs wait for a worker that never comes."""
    app: FastAPI = await make_app()
    return app


async def promise(app: FastAPI, number: int) -> list[str]:
    """Promise some jobs, one after the other, and return their ids, the newest first."""
    database: Database = app.state.database
    ids = [new_id() for _ in range(number)]
    for job_id in ids:
        async with database.write() as uow:
            await enqueue(uow, SendMail(letter=LetterKind.WELCOME, user_id=UUID(int=1)), job_id=job_id)
    return [str(job_id) for job_id in reversed(ids)]


async def test_jobs_are_listed_page_by_page_newest_first(door: Door, world: World, app: FastAPI) -> None:
    ids, token = await promise(app, 5), world.administrator.token
    first = await door.call("list_jobs", token=token, limit=3, include_total=True)
    rest = await door.call("list_jobs", token=token, limit=3, cursor=first["next_cursor"])
    assert [job["id"] for job in [*first["data"], *rest["data"]]] == ids
    assert (first["total"], rest["next_cursor"]) == (5, None)
    job = first["data"][0]
    told = {key: job[key] for key in ("kind", "status", "attempts", "error", "finished_at")}
    assert told == {"kind": "send_mail", "status": "waiting", "attempts": 0, "error": None, "finished_at": None}


async def test_a_job_is_cancelled_and_begins_anew(door: Door, world: World, app: FastAPI) -> None:
    (one, other), token = await promise(app, 2), world.administrator.token
    cancelled = await door.call("cancel_job", token=token, id=one)
    assert (cancelled["id"], cancelled["status"]) == (one, "cancelled")
    assert cancelled["finished_at"] is not None
    for status, expected in (("cancelled", [one]), ("waiting", [other]), ("failed", [])):
        page = await door.call("list_jobs", token=token, status=status, include_total=True)
        assert [job["id"] for job in page["data"]] == expected
        assert page["total"] == len(expected)
    again = await door.call("retry_job", token=token, id=one)
    assert (again["id"], again["status"], again["finished_at"]) == (one, "waiting", None)


@pytest.mark.parametrize(("operation", "cancelled_before"), [("retry_job", False), ("cancel_job", True)])
async def test_what_is_not_to_be_done_is_a_conflict(
    door: Door, world: World, app: FastAPI, operation: str, *, cancelled_before: bool
) -> None:
    (job,), token = await promise(app, 1), world.administrator.token
    if cancelled_before:
        await door.call("cancel_job", token=token, id=job)
    before = await all_rows(app)
    with pytest.raises(DoorError) as refusal:
        await door.call(operation, token=token, id=job)
    assert refusal.value.code == "CONFLICT"
    assert await all_rows(app) == before


@pytest.mark.parametrize("operation", ["retry_job", "cancel_job"])
async def test_a_job_that_never_was_is_not_found(door: Door, world: World, operation: str) -> None:
    with pytest.raises(DoorError) as refusal:
        await door.call(operation, token=world.administrator.token, id=str(uuid4()))
    assert (refusal.value.code, refusal.value.message) == ("NOT_FOUND", "There is no such job.")
