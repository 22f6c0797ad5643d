"""What becomes of files when something becomes of what they belong to, and of bytes that no file has any more."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from api.schemas.jobs import EraseBytes
from api.services import log
from api.services.edits import apply
from api.services.jobs import enqueue
from api.services.log import Entry
from db.models import ChangeKind, File, Item, Message
from db.repositories import blobs, files, thumbnails, uploads
from db.unit_of_work import UnitOfWork


async def trash_with(uow: UnitOfWork, item: Item, moment: datetime) -> Sequence[Entry]:
    """Move the files of an item that goes to the trash there with it, and return what the log is told."""
    return await _move(uow, [file for file in await files.of_item(uow.session, item.id) if not file.deleted_at], moment)


async def restore_with(uow: UnitOfWork, item: Item, trashed_at: datetime) -> Sequence[Entry]:
    """Take those files of an item out of the trash that came there with it; what lay there before stays."""
    gone = [file for file in await files.of_item(uow.session, item.id) if file.deleted_at == trashed_at]
    return await _move(uow, gone, None)


async def purge_with(uow: UnitOfWork, owner: Item | Message) -> Sequence[Entry]:
    """Delete the files of an item or a message for good, and return what the log is told."""
    of = files.of_item if isinstance(owner, Item) else files.of_message
    found = await of(uow.session, owner.id)
    entries = [log.deleted(file) for file in found]
    await forget_files(uow, owner.workspace_id, found)
    return entries


async def forget_files(uow: UnitOfWork, workspace_id: UUID, gone: Sequence[File]) -> None:
    """Delete the rows of files, and let the bytes that no other file has be erased after the commit."""
    if not gone:
        return
    await files.delete_many(uow.session, [file.id for file in gone])
    unused = await blobs.unused(uow.session, list({file.blob_id for file in gone}))
    if unused:
        made = await thumbnails.forget(uow.session, unused)
        await blobs.delete_many(uow.session, unused)
        await erase_after_commit(uow, workspace_id, [*unused, *made])


async def erase_after_commit(uow: UnitOfWork, workspace_id: UUID, ids: Sequence[UUID]) -> None:
    """Let bytes be erased that nothing in the database knows of any more."""
    if ids:
        await enqueue(uow, EraseBytes(workspace_id=workspace_id, blob_ids=list(ids)))


async def forget_all_files(uow: UnitOfWork, workspace_id: UUID) -> None:
    """Let all bytes of a workspace be erased once it is gone."""
    if await blobs.any_in(uow.session, workspace_id) or await uploads.any_parts_in(uow.session, workspace_id):
        await enqueue(uow, EraseBytes(workspace_id=workspace_id))


async def _move(uow: UnitOfWork, moved: Sequence[File], deleted_at: datetime | None) -> Sequence[Entry]:
    kind = ChangeKind.RESTORED if deleted_at is None else ChangeKind.DELETED
    before = [log.snapshot(file) for file in moved]
    for file in moved:
        apply(file, {"deleted_at": deleted_at})
    await uow.session.flush()
    return [log.updated(file, former, kind) for file, former in zip(moved, before, strict=True)]
