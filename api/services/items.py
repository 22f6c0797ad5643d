"""Items."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from api.core.actor import Actor, require_user
from api.core.errors import AppError, conflict, invalid, not_found
from api.core.pages import PageArguments
from api.core.permissions import Permission
from api.schemas.items import ItemCreate, ItemFilter, ItemSort, ItemUpdate
from api.services import access, attachments, log
from api.services.edits import Expected, apply, check_version, sent
from api.services.idempotency import idempotent
from db.clock import utc_now
from db.models import ChangeKind, EntityKind, Item
from db.models.base import new_id
from db.paging import Page
from db.repositories import items, members, messages
from db.repositories.items import ItemCriteria
from db.scope import EVERYTHING
from db.unit_of_work import ReadUnit, UnitOfWork


@idempotent
async def create_item(uow: UnitOfWork, actor: Actor, data: ItemCreate) -> Item:
    """Create an item, for editors.

    Creating an id again that one created before answers with that item, as it is now.

    Raises:
        AppError: VALIDATION_ERROR if the assignee is no member; CONFLICT if the id is somebody else's.
    """
    workspace_id = access.or_personal(actor, data.workspace_id)
    workspace, _ = await access.enter(uow, actor, workspace_id, Permission.WRITE)
    owner = require_user(actor)
    if data.id is not None:
        present = await items.find(uow.session, EVERYTHING, data.id)
        if present is not None:
            return _same(present, owner.id, workspace.id)
    await _check_assignee(uow, workspace.id, data.assignee_id)
    values = data.model_dump(exclude={"id", "workspace_id"})
    version = await log.first_version(uow, EntityKind.ITEM, data.id)
    item = Item(id=data.id or new_id(), workspace_id=workspace.id, owner_id=owner.id, version=version, **values)
    await uow.session.insert(item)
    await log.record(uow, actor, workspace.id, [log.created(item)])
    return item


async def get_item(uow: ReadUnit, actor: Actor, item_id: UUID) -> Item:
    """Return an item, in the trash or not."""
    item = await items.find(uow.session, actor.scope(), item_id)
    if item is None:
        raise no_item()
    return item


async def get_items(uow: ReadUnit, actor: Actor, ids: Sequence[UUID]) -> Sequence[Item | None]:
    """Return those of the items that the caller may see, in the order of the ids."""
    found = {item.id: item for item in await items.find_many(uow.session, actor.scope(), list(set(ids)))}
    return [found.get(item_id) for item_id in ids]


async def list_items(
    uow: ReadUnit, actor: Actor, workspace_id: UUID | None, where: ItemFilter, *, sort: ItemSort, page: PageArguments
) -> Page[Item]:
    """Return one page of a workspace's items."""
    workspace = await access.see(uow, actor, access.or_personal(actor, workspace_id))
    request = page.of(items.sort_by(sort))
    return await items.page(uow.session, actor.scope(), workspace.id, _criteria(where), request)


async def list_items_of_workspaces(
    uow: ReadUnit, actor: Actor, workspaces: Sequence[UUID], where: ItemFilter, *, sort: ItemSort, page: PageArguments
) -> Sequence[Page[Item]]:
    """Return one page of items per workspace."""
    request = page.of(items.sort_by(sort))
    return await items.pages_of_workspaces(uow.session, actor.scope(), workspaces, _criteria(where), request)


async def list_items_of_owners(
    uow: ReadUnit, actor: Actor, owners: Sequence[UUID], where: ItemFilter, *, sort: ItemSort, page: PageArguments
) -> Sequence[Page[Item]]:
    """Return, per user, one page of the items it made, as far as the caller may see them."""
    request = page.of(items.sort_by(sort))
    return await items.pages_of_owners(uow.session, actor.scope(), owners, _criteria(where), request)


@idempotent
async def update_item(
    uow: UnitOfWork, actor: Actor, item_id: UUID, data: ItemUpdate, *, expected_version: Expected = None
) -> Item:
    """Change an item, for editors.

    Raises:
        AppError: PRECONDITION_FAILED if `expected_version` is not the current one; CONFLICT in the trash;
            VALIDATION_ERROR if the new assignee is no member.
    """
    item = await _open(uow, actor, item_id, Permission.WRITE, expected_version)
    if item.deleted_at is not None:
        raise in_trash()
    values = sent(data)
    if values.get("assignee_id") != item.assignee_id:
        await _check_assignee(uow, item.workspace_id, values.get("assignee_id"))
    before = log.snapshot(item)
    if apply(item, values):
        await uow.session.flush()
        await log.record(uow, actor, item.workspace_id, [log.updated(item, before)])
    return item


@idempotent
async def delete_item(
    uow: UnitOfWork, actor: Actor, item_id: UUID, *, permanent: bool = False, expected_version: Expected = None
) -> None:
    """Move an item to the trash with its files, for editors; or delete it for good with its thread too, for admins.

    Raises:
        AppError: PRECONDITION_FAILED if `expected_version` is not the current one.
    """
    permission = Permission.MANAGE if permanent else Permission.WRITE
    item = await _open(uow, actor, item_id, permission, expected_version)
    if permanent:
        await _purge(uow, actor, item)
        return
    before, moment = log.snapshot(item), utc_now()
    if item.deleted_at is None and apply(item, {"deleted_at": moment}):
        await uow.session.flush()
        entries = [log.updated(item, before, ChangeKind.DELETED), *await attachments.trash_with(uow, item, moment)]
        await log.record(uow, actor, item.workspace_id, entries)


@idempotent
async def restore_item(uow: UnitOfWork, actor: Actor, item_id: UUID) -> Item:
    """Take an item out of the trash, with the files that came there with it, for editors.

    One that is not there stays as it is.
    """
    item = await _open(uow, actor, item_id, Permission.WRITE, None)
    before, trashed_at = log.snapshot(item), item.deleted_at
    if trashed_at is not None and apply(item, {"deleted_at": None}):
        await uow.session.flush()
        entries = [
            log.updated(item, before, ChangeKind.RESTORED),
            *await attachments.restore_with(uow, item, trashed_at),
        ]
        await log.record(uow, actor, item.workspace_id, entries)
    return item


async def purge_item(uow: UnitOfWork, actor: Actor, item_id: UUID, *, trashed_before: datetime) -> bool:
    """Delete an item for good, as `delete_item` would, if it has lain in the trash since before a moment.

    Returns:
        Whether it had.

    Raises:
        AppError: NOT_FOUND if somebody else did.
    """
    item = await _open(uow, actor, item_id, Permission.MANAGE, None)
    # It may have been taken out since it was found there.
    if item.deleted_at is None or item.deleted_at >= trashed_before:
        return False
    await _purge(uow, actor, item)
    return True


async def _purge(uow: UnitOfWork, actor: Actor, item: Item) -> None:
    thread = await messages.of_item(uow.session, item.id)
    files = await attachments.purge_with(uow, item)
    entries = [*files, *(log.deleted(message) for message in thread), log.deleted(item)]
    await messages.delete_thread(uow.session, item.id)
    await uow.session.delete(item)
    await log.record(uow, actor, item.workspace_id, entries)


async def _open(
    uow: UnitOfWork, actor: Actor, item_id: UUID, permission: Permission, expected_version: Expected
) -> Item:
    """Return the item, its workspace locked, permission and version checked."""
    await access.enter(uow, actor, items.workspace_of(item_id), permission, what="item")
    item = await items.find(uow.session, actor.scope(), item_id)
    if item is None:
        raise no_item()
    check_version(item, expected_version)
    return item


async def _check_assignee(uow: UnitOfWork, workspace_id: UUID, assignee_id: UUID | None) -> None:
    if assignee_id is not None and await members.find(uow.session, workspace_id, assignee_id) is None:
        raise invalid([("assignee_id", "The assignee must be a member of the workspace")])


def _criteria(where: ItemFilter) -> ItemCriteria:
    return ItemCriteria(**{name: getattr(where, name) for name in ItemFilter.model_fields})


def _same(item: Item, owner_id: UUID, workspace_id: UUID) -> Item:
    """Return the item if it is what a repeated request created at first."""
    if item.owner_id == owner_id and item.workspace_id == workspace_id:
        return item
    raise conflict("This id is taken.")


def no_item() -> AppError:
    """Return the error for an item that is not there for this caller."""
    return not_found("item")


def in_trash(what: str = "item") -> AppError:
    """Return the error for work on an item in the trash, or on something else there."""
    return conflict(f"The {what} is in the trash; restore it first.")


def check_home(actual: UUID, stated: UUID | None, what: str = "item") -> None:
    """Refuse a request that states another workspace than the one that an item, or something else, is in.

    Raises:
        AppError: VALIDATION_ERROR.
    """
    if stated is not None and stated != actual:
        raise invalid([("workspace_id", f"The {what} is in another workspace")])
