"""New files: what is in the store becomes files in one transaction, or is erased."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from api.core.actor import Actor, require_user
from api.core.errors import AppError, ErrorCode, conflict, forbidden, invalid
from api.core.files.rules import FileRules
from api.core.files.store import Key
from api.core.files.thumbnails import is_picture
from api.core.permissions import Permission
from api.schemas.files import Arrival, FilePlace
from api.schemas.jobs import MakeThumbnails
from api.services import access, log
from api.services.items import check_home, get_item, in_trash
from api.services.jobs import enqueue
from api.services.messages import get_message
from db.engine import Database
from db.errors import DatabaseError
from db.models import Blob, File
from db.repositories import blobs, files, items, messages, uploads
from db.repositories.workspaces import WorkspaceId
from db.turns import Caller
from db.unit_of_work import ReadUnit, UnitOfWork

logger = structlog.get_logger("twofold.files")

MOST_TIME = timedelta(hours=12)
"""So long an upload may take. The sweep takes bytes without a file for lost only after twice as long."""

MAX_FILES_EACH = 1000
"""Files of an item with its thread, or of a message: so many go to the trash together."""


@dataclass(frozen=True)
class Kept:
    """A file that will be, whose bytes are in the store."""

    id: UUID
    """That of its upload, if it had one."""
    blob_id: UUID
    arrival: Arrival


async def keep_files(
    uow: UnitOfWork, actor: Actor, wanted: FilePlace, kept: Sequence[Kept], *, rules: FileRules
) -> Sequence[File]:
    """Make files of bytes that are in the store, and enter their workspace for it; see `create_files`."""
    owner = require_user(actor)
    place = await enter_place(uow, actor, wanted)
    await _check_number(uow, place, len(kept))
    known = dict(await blobs.with_sums(uow.session, place.workspace_id, [one.arrival.sha256 for one in kept]))
    made: list[Blob] = []
    for one in kept:
        came = one.arrival
        if came.sha256 not in known:
            blob = Blob(id=one.blob_id, workspace_id=place.workspace_id, sha256=came.sha256, size=came.size)
            known[came.sha256] = blob
            made.append(blob)
    used = await bytes_in(uow, place.workspace_id, but_of=kept[0].id)
    rules.check_quota(used, sum(blob.size for blob in made))
    rows = [
        File(
            id=one.id,
            workspace_id=place.workspace_id,
            item_id=place.item_id,
            message_id=place.message_id,
            owner_id=owner.id,
            blob_id=known[one.arrival.sha256].id,
            **one.arrival.model_dump(),
        )
        for one in kept
    ]
    # The bytes first: the files refer to them.
    await uow.session.insert(*made)
    await uow.session.insert(*rows)
    await log.record(uow, actor, place.workspace_id, [log.created(row) for row in rows])
    kinds = {row.blob_id: row.media_type for row in rows}
    for blob in made:
        if is_picture(kinds[blob.id], blob.size):
            await enqueue(uow, MakeThumbnails(workspace_id=place.workspace_id, blob_id=blob.id))
    return rows


async def bytes_in(uow: ReadUnit, workspace_id: UUID, *, but_of: UUID | None = None) -> int:
    """Return what counts against the quota of a workspace: its files, and parts of uploads but of one."""
    parts = await uploads.size_of_parts(uow.session, workspace_id, but_of=but_of)
    return parts + await blobs.size_of_all(uow.session, workspace_id)


@dataclass(frozen=True)
class Place:
    """Where files will be; that of a message is also in its item's thread."""

    workspace_id: UUID
    item_id: UUID | None = None
    message_id: UUID | None = None


async def enter_place(uow: UnitOfWork, actor: Actor, wanted: FilePlace) -> Place:
    """Return where files will be, once its workspace is locked and the right to write there is checked."""
    where: WorkspaceId = access.or_personal(actor, wanted.workspace_id)
    what = "workspace"
    if wanted.message_id is not None:
        where, what = messages.workspace_of(wanted.message_id), "message"
    elif wanted.item_id is not None:
        where, what = items.workspace_of(wanted.item_id), "item"
    await access.enter(uow, actor, where, Permission.WRITE, what=what)
    return await find_place(uow, actor, wanted)


async def find_place(uow: ReadUnit, actor: Actor, wanted: FilePlace) -> Place:
    """Return where the files will be, if they may be there."""
    item_id = wanted.item_id
    place = Place(access.or_personal(actor, wanted.workspace_id))
    if wanted.message_id is not None:
        message = await get_message(uow, actor, wanted.message_id)
        check_home(message.workspace_id, wanted.workspace_id, "message")
        if item_id is not None and message.item_id != item_id:
            raise invalid([("item_id", "The message is not in the thread of this item")])
        if message.author_id != actor.user_id:
            raise forbidden("Only its author may add files to a message.")
        item_id = message.item_id
        place = Place(message.workspace_id, message_id=message.id)
    if item_id is not None:
        item = await get_item(uow, actor, item_id)
        check_home(item.workspace_id, wanted.workspace_id)
        if item.deleted_at is not None:
            raise in_trash()
        place = Place(item.workspace_id, item.id, place.message_id)
    return place


async def _check_number(uow: UnitOfWork, place: Place, more: int) -> None:
    counts = [("item", place.item_id, files.count_of_item), ("message", place.message_id, files.count_of_message)]
    for what, owner_id, count in counts:
        if owner_id is not None and await count(uow.session, owner_id) + more > MAX_FILES_EACH:
            raise conflict(f"The {what} would have more than {MAX_FILES_EACH} files.", maximum=MAX_FILES_EACH)


@asynccontextmanager
async def in_time() -> AsyncIterator[None]:
    """End an upload that takes longer than any may.

    Raises:
        AppError: BAD_REQUEST.
    """
    try:
        async with asyncio.timeout(MOST_TIME.total_seconds()) as patience:
            yield
    except TimeoutError as error:
        if patience.expired():
            raise AppError(ErrorCode.BAD_REQUEST, "The upload took too long.") from error
        raise


async def erase_unused(database: Database, caller: Caller, rules: FileRules, keys: Sequence[Key]) -> None:
    """Erase what came for nothing: it was there already, or was refused in the end."""
    try:
        async with database.read(caller) as uow:
            used = await blobs.of(uow.session, [key.blob_id for key in keys])
    except DatabaseError as error:
        logger.warning("bytes are left to the sweep", error=str(error))
        return
    await erase(rules, [key for key in keys if key.blob_id not in used])


async def erase(rules: FileRules, keys: Sequence[Key]) -> None:
    """Erase bytes that no file has; if the store cannot just now, the sweep does it later."""
    try:
        await rules.store.delete(keys)
    except AppError as error:
        logger.warning("bytes are left to the sweep", error=error.message)
