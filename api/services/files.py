"""Files: reading them, and what becomes of them. How they come in is in `uploads`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from api.core.actor import Actor
from api.core.errors import AppError, conflict, forbidden, not_found
from api.core.files.store import Key
from api.core.pages import PageArguments
from api.core.permissions import Permission, allows
from api.schemas.files import FileFilter, FileSort, FileUpdate
from api.services import access, log
from api.services.attachments import forget_files
from api.services.edits import Expected, apply, check_version, sent
from api.services.idempotency import idempotent
from api.services.items import check_home, get_item, in_trash
from api.services.messages import get_message
from db.clock import utc_now
from db.models import ChangeKind, File, Member
from db.paging import Page
from db.repositories import files, items
from db.repositories.files import FileCriteria
from db.unit_of_work import ReadUnit, UnitOfWork


@dataclass(frozen=True)
class Content:
    """A file, and where its bytes are."""

    file: File
    key: Key
    by_link: bool = False
    """Whether it is a link that lets the caller read it."""


async def get_file(uow: ReadUnit, actor: Actor, file_id: UUID) -> File:
    """Return a file, in the trash or not."""
    file = await files.find(uow.session, actor.scope(), file_id)
    if file is None:
        raise _no_file()
    return file


async def get_file_content(uow: ReadUnit, actor: Actor, file_id: UUID) -> Content:
    """Return a file with the place of its bytes, for whoever may see it."""
    file = await get_file(uow, actor, file_id)
    return Content(file, Key(file.workspace_id, file.blob_id))


async def list_files(
    uow: ReadUnit, actor: Actor, workspace_id: UUID | None, where: FileFilter, *, sort: FileSort, page: PageArguments
) -> Page[File]:
    """Return one page of the files of a message, an item with its thread, or else of a whole workspace.

    Raises:
        AppError: VALIDATION_ERROR if item or message are in another workspace than is stated.
    """
    if where.message_id is not None:
        message = await get_message(uow, actor, where.message_id)
        check_home(message.workspace_id, workspace_id, "message")
        workspace_id = message.workspace_id
    if where.item_id is not None:
        item = await get_item(uow, actor, where.item_id)
        check_home(item.workspace_id, workspace_id)
        workspace_id = item.workspace_id
    workspace = await access.see(uow, actor, access.or_personal(actor, workspace_id))
    criteria = FileCriteria(where.item_id, where.message_id, trashed=where.trashed)
    return await files.page(uow.session, actor.scope(), workspace.id, criteria, page.of(files.sort_by(sort)))


async def list_item_files(
    uow: ReadUnit, actor: Actor, item_id: UUID, *, trashed: bool, sort: FileSort, page: PageArguments
) -> Page[File]:
    """Return one page of the files of an item and its thread."""
    where = FileFilter(item_id=item_id, trashed=trashed)
    return await list_files(uow, actor, None, where, sort=sort, page=page)


async def list_files_of_workspaces(
    uow: ReadUnit, actor: Actor, workspaces: Sequence[UUID], *, trashed: bool, sort: FileSort, page: PageArguments
) -> Sequence[Page[File]]:
    """Return one page of the files of each workspace."""
    where, request = FileCriteria(trashed=trashed), page.of(files.sort_by(sort))
    return await files.pages_of_workspaces(uow.session, actor.scope(), workspaces, where, request)


async def list_files_of_items(
    uow: ReadUnit, actor: Actor, item_ids: Sequence[UUID], *, trashed: bool, sort: FileSort, page: PageArguments
) -> Sequence[Page[File]]:
    """Return one page of the files of each item and its thread."""
    where, request = FileCriteria(trashed=trashed), page.of(files.sort_by(sort))
    return await files.pages_of_items(uow.session, actor.scope(), item_ids, where, request)


async def list_files_of_messages(
    uow: ReadUnit, actor: Actor, messages: Sequence[UUID], *, trashed: bool, sort: FileSort, page: PageArguments
) -> Sequence[Page[File]]:
    """Return one page of the files of each message."""
    where, request = FileCriteria(trashed=trashed), page.of(files.sort_by(sort))
    return await files.pages_of_messages(uow.session, actor.scope(), messages, where, request)


@idempotent
async def update_file(
    uow: UnitOfWork, actor: Actor, file_id: UUID, data: FileUpdate, *, expected_version: Expected = None
) -> File:
    """Change what a file is called, for editors; that of a message for who uploaded it and admins.

    Raises:
        AppError: PRECONDITION_FAILED if `expected_version` is not the current one; CONFLICT in the trash.
    """
    file = await _open(uow, actor, file_id, expected_version=expected_version)
    if file.deleted_at is not None:
        raise in_trash("file")
    before = log.snapshot(file)
    if apply(file, sent(data)):
        await uow.session.flush()
        await log.record(uow, actor, file.workspace_id, [log.updated(file, before)])
    return file


@idempotent
async def delete_file(
    uow: UnitOfWork, actor: Actor, file_id: UUID, *, permanent: bool = False, expected_version: Expected = None
) -> None:
    """Move a file to the trash, for editors; or delete it for good, for admins.

    That of a message is moved by who uploaded it and by admins. Bytes that no other file has go after the commit.

    Raises:
        AppError: PRECONDITION_FAILED if `expected_version` is not the current one.
    """
    permission = Permission.MANAGE if permanent else Permission.WRITE
    file = await _open(uow, actor, file_id, permission, expected_version=expected_version)
    if permanent:
        await _purge(uow, actor, file)
        return
    before = log.snapshot(file)
    if file.deleted_at is None and apply(file, {"deleted_at": utc_now()}):
        await uow.session.flush()
        await log.record(uow, actor, file.workspace_id, [log.updated(file, before, ChangeKind.DELETED)])


@idempotent
async def restore_file(uow: UnitOfWork, actor: Actor, file_id: UUID) -> File:
    """Take a file out of the trash, for editors. One that is not there stays as it is.

    Raises:
        AppError: CONFLICT if its item is in the trash.
    """
    file = await _open(uow, actor, file_id)
    if file.deleted_at is None:
        return file
    item = None if file.item_id is None else await items.find(uow.session, actor.scope(), file.item_id)
    if item is not None and item.deleted_at is not None:
        raise conflict("Its item is in the trash; restore that first.")
    before = log.snapshot(file)
    apply(file, {"deleted_at": None})
    await uow.session.flush()
    await log.record(uow, actor, file.workspace_id, [log.updated(file, before, ChangeKind.RESTORED)])
    return file


async def purge_file(uow: UnitOfWork, actor: Actor, file_id: UUID, *, trashed_before: datetime) -> bool:
    """Delete a file for good, as `delete_file` would, if it has lain in the trash since before a moment.

    Returns:
        Whether it had.

    Raises:
        AppError: NOT_FOUND if somebody else did.
    """
    file = await _open(uow, actor, file_id, Permission.MANAGE)
    # It may have been taken out since it was found there.
    if file.deleted_at is None or file.deleted_at >= trashed_before:
        return False
    await _purge(uow, actor, file)
    return True


async def _purge(uow: UnitOfWork, actor: Actor, file: File) -> None:
    entries = [log.deleted(file)]
    await forget_files(uow, file.workspace_id, [file])
    await log.record(uow, actor, file.workspace_id, entries)


async def _open(
    uow: UnitOfWork,
    actor: Actor,
    file_id: UUID,
    permission: Permission = Permission.WRITE,
    *,
    expected_version: Expected = None,
) -> File:
    """Return the file, its workspace locked, permission and version checked."""
    _, member = await access.enter(uow, actor, files.workspace_of(file_id), permission, what="file")
    file = await files.find(uow.session, actor.scope(), file_id)
    if file is None:
        raise _no_file()
    if file.message_id is not None and file.owner_id != actor.user_id and not _manages(member):
        raise forbidden("Only who uploaded it or an admin of the workspace may change the file of a message.")
    check_version(file, expected_version)
    return file


def _manages(member: Member | None) -> bool:
    """Return whether it is an admin of the workspace, or the system."""
    return member is None or allows(member.role, Permission.MANAGE)


def _no_file() -> AppError:
    return not_found("file")
