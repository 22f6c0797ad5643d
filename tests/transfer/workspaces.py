"""Workspaces to export, and what import and export do to them."""

import io
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from api.core.actor import SYSTEM
from api.schemas.items import ItemCreate, ItemUpdate
from api.schemas.messages import MessageCreate
from api.services.changes import list_changes
from api.services.items import create_item, delete_item, update_item
from api.services.messages import create_message
from api.services.transfer.checking import Tally
from api.services.transfer.exporting import export_lines
from api.services.transfer.importing import check_rows, import_rows, plan_import
from api.services.transfer.reading import FileFormat, Source
from api.services.transfer.rows import BadRow
from db.engine import Database
from db.models import Change, Item
from tests import databases
from tests.conftest import make_settings, running
from tests.doors.people import World, make_world

Line = dict[str, Any]


@dataclass
class Outcome:
    """What an import said."""

    tally: Tally
    bad: list[BadRow] = field(default_factory=list)


async def export(database: Database, workspace_id: UUID) -> list[str]:
    """Return the lines of an export."""
    async with database.read() as uow:
        return [line async for line in export_lines(uow, SYSTEM, workspace_id)]


async def load(
    database: Database,
    workspace_id: UUID,
    rows: Iterable[Line | str],
    *,
    dry: bool = False,
    owner: str | None = None,
    new_ids: bool = False,
    skip_bad: bool = False,
) -> Outcome:
    """Import rows, or only check them."""
    text = "".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows)
    source = Source(io.BytesIO(text.encode()), FileFormat.JSONL)
    outcome = Outcome(Tally())
    async with database.read() as uow:
        plan = await plan_import(uow, SYSTEM, workspace_id, owner=owner, new_ids=new_ids, skip_bad=skip_bad)
        if dry:
            outcome.tally = await check_rows(uow, SYSTEM, plan, source.rows(), on_bad=outcome.bad.append)
            return outcome
    async with database.write() as writer:
        outcome.tally = await import_rows(writer, SYSTEM, plan, source.rows(), on_bad=outcome.bad.append)
    return outcome


async def log_of(database: Database, workspace_id: UUID) -> list[Change]:
    """Return the whole log of a workspace, page by page."""
    found: list[Change] = []
    async with database.read() as uow:
        while page := (await list_changes(uow, SYSTEM, workspace_id, after=len(found), limit=100_000)).data:
            found += [change for change in page if isinstance(change, Change)]
    return found


async def fill(database: Database, world: World) -> Item:
    """Put into a workspace what an export must not lose; return the item in its trash."""
    editor, workspace = world.editor.actor, world.workspace
    async with database.write() as uow:
        seeds = await create_item(
            uow,
            editor,
            ItemCreate(
                workspace_id=workspace,
                title="Grüße 🌱\u2028x",
                description=" two\nlines ",
                priority=3,
                tags=["ä", "a;b"],
                fields={"z": 1e20, "a": [None, {"b": "\x7f"}], "n": 10**30},
                assignee_id=world.viewer.id,
                due_at="2026-01-31T09:00:00.000001+01:00",
            ),
        )
        await update_item(uow, editor, seeds.id, ItemUpdate(status="done"))
        trashed = await create_item(uow, world.admin.actor, ItemCreate(workspace_id=workspace, title="Old"))
        await create_message(uow, editor, MessageCreate(item_id=trashed.id, body="Gone"))
        await delete_item(uow, editor, trashed.id)
        for body in ("Hello", " \u2029 x"):
            await create_message(uow, editor, MessageCreate(workspace_id=workspace, body=body))
        await create_message(uow, world.admin.actor, MessageCreate(item_id=seeds.id, body="Which?"))
    return trashed


@asynccontextmanager
async def another_installation(folder: Path, template: Path) -> AsyncIterator[tuple[Database, World]]:
    """Give a fresh installation on SQLite in which the same people have accounts."""
    folder.mkdir()
    async with running(make_settings(databases.sqlite_address(folder, template), folder)) as app:
        yield app.state.database, await make_world(app)
