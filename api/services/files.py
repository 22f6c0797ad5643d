"""Files: reading them, and what becomes of them. How they come in is in `uploads`."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from api.core.actor import Actor, Anonymous, require_user
from api.core.errors import AppError, conflict, forbidden, invalid, not_found, unauthenticated
from api.core.files.links import Link, Links
from api.core.files.rules import FileRules
from api.core.files.store import Key
from api.core.files.thumbnails import Fit, Thumbnail, is_picture, name_of
from api.core.pages import PageArguments
from api.core.permissions import Permission, allows
from api.core.seals import SealError
from api.schemas.files import DownloadLink, DownloadLinkCreate, FileFilter, FileSort, FileUpdate, check_size
from api.services import access, auth, log
from api.services.attachments import forget_files
from api.services.edits import Expected, apply, check_version, sent
from api.services.idempotency import idempotent
from api.services.items import check_home, get_item, in_trash
from api.services.messages import get_message
from db.clock import utc_now
from db.models import ChangeKind, File, Member
from db.paging import Page
from db.repositories import files, items, thumbnails
from db.repositories.files import FileCriteria
from db.unit_of_work import ReadUnit, UnitOfWork

TRIES, BETWEEN_SECONDS = 20, 0.25
"""How often thumbnails are looked for that may be in the making, and how long is waited in between."""


@dataclass(frozen=True)
class Content:
    """A file, and where its bytes are."""

    file: File
    key: Key
    by_link: bool = False
    """Whether it is a link that lets the caller read it."""


@dataclass(frozen=True)
class ThumbnailContent:
    """A thumbnail, and where its bytes are."""

    key: Key
    part: Thumbnail
    name: str
    """Which no other bytes ever have."""
    made_at: datetime


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


async def create_download_link(
    uow: ReadUnit, actor: Actor, file_id: UUID, data: DownloadLinkCreate, *, rules: FileRules
) -> DownloadLink:
    """Return a link with which anybody reads the bytes of a file, for whoever may.

    It counts until it expires, and while who made it may read the file: as a member, with the same API key if there
    is one, and while it is not in the trash.

    Raises:
        AppError: CONFLICT in the trash.
    """
    user = require_user(actor)
    file = await get_file(uow, actor, file_id)
    if file.deleted_at is not None:
        raise in_trash("file")
    expires_at = utc_now().replace(microsecond=0) + timedelta(seconds=data.expires_in)
    key_id = None
    if user.key is not None:
        key_id, expires_at = user.key.id, min(expires_at, user.expires_at or expires_at)
    link = Link(file.id, user.id, key_id, expires_at)
    return DownloadLink(url=rules.links.address(link), expires_at=expires_at)


def thumbnail_url(actor: Actor, file: File, fit: Fit, size: int, *, rules: FileRules) -> str | None:
    """Return where a thumbnail is, for pages that send no token; None of what is no picture.

    It counts as a link of `create_download_link` does, for one to two hours, and leads to nothing but thumbnails.
    Within an hour it is the same, so that a browser that has the picture asks no more.

    Raises:
        AppError: VALIDATION_ERROR for a size that there is not.
    """
    try:
        check_size(size)
    except ValueError as error:
        raise invalid([("size", str(error))]) from None
    user = require_user(actor)
    if not is_picture(file.media_type, file.size):
        return None
    expires_at = utc_now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=2)
    link = Link(file.id, user.id, user.key.id if user.key else None, expires_at)
    return rules.thumbnail_links.thumbnail_address(link, fit, size)


async def get_thumbnail(
    uow: ReadUnit, actor: Actor, file_id: UUID, fit: Fit, size: int, *, link: str | None = None, rules: FileRules
) -> ThumbnailContent:
    """Return a thumbnail, for whoever may see the file or has a link to its thumbnails.

    Of a picture that has just come it is waited for, a few seconds.

    Raises:
        AppError: as `get_linked_content`; NOT_FOUND if there is none, and none can be made.
    """
    if link is None:
        file = await get_file(uow, actor, file_id)
    else:
        file = (await get_linked_content(uow, link, file_id, links=rules.thumbnail_links)).file
    if not is_picture(file.media_type, file.size):
        raise not_found("thumbnail")
    tries = 0
    while (made := await thumbnails.find(uow.session, file.blob_id)) is None:
        # Who waits holds no connection.
        await uow.session.release()
        tries += 1
        if tries > TRIES:
            raise not_found("thumbnail")
        await asyncio.sleep(BETWEEN_SECONDS)
    part = made.parts.get(name_of(fit, size))
    if made.stored_id is None or part is None:
        raise not_found("thumbnail")
    name = f"{made.stored_id.hex}-{name_of(fit, size)}"
    return ThumbnailContent(Key(made.workspace_id, made.stored_id), Thumbnail(**part), name, made.created_at)


async def get_linked_content(uow: ReadUnit, text: str, file_id: UUID, *, links: Links) -> Content:
    """Return a file with the place of its bytes, for whoever has a link to it.

    Raises:
        AppError: UNAUTHENTICATED if the link does not count; NOT_FOUND if who made it does not see the file any more,
            or sees it in the trash.
    """
    try:
        link = links.read(text)
    except SealError:
        raise unauthenticated("The link is not valid.") from None
    if link.file_id != file_id:
        raise unauthenticated("The link is for another file.")
    if link.expires_at <= utc_now():
        raise unauthenticated("The link has expired.")
    maker = await auth.recall(uow, link.user_id, link.key_id)
    if isinstance(maker, Anonymous):
        raise unauthenticated("Who made the link may not read the file any more.")
    content = await get_file_content(uow, maker, file_id)
    if content.file.deleted_at is not None:
        raise _no_file()
    return replace(content, by_link=True)


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
