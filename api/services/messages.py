"""Messages."""

from collections.abc import Sequence
from uuid import UUID

from api.core.actor import Actor, require_user
from api.core.errors import AppError, conflict, forbidden, not_found
from api.core.pages import PageArguments
from api.core.permissions import Permission, allows
from api.schemas.messages import MessageCreate, MessageSort, MessageUpdate
from api.services import access, attachments, log
from api.services.edits import Expected, apply, check_version, sent
from api.services.idempotency import idempotent
from api.services.items import check_home, get_item, in_trash, no_item
from db.models import EntityKind, Member, Message
from db.models.base import new_id
from db.paging import Page
from db.repositories import items, messages
from db.scope import EVERYTHING
from db.unit_of_work import ReadUnit, UnitOfWork


@idempotent
async def create_message(uow: UnitOfWork, actor: Actor, data: MessageCreate) -> Message:
    """Post a message in a workspace's room or an item's thread, for editors.

    Creating an id again that one created before answers with that message, as it is now.

    Raises:
        AppError: VALIDATION_ERROR if the item is in another workspace; CONFLICT if the item is in the
            trash or the id is somebody else's.
    """
    author = require_user(actor)
    workspace_id = await _enter_room(uow, actor, data)
    if data.id is not None:
        present = await messages.find(uow.session, EVERYTHING, data.id)
        if present is not None:
            return _same(present, author.id, workspace_id)
    message = Message(
        id=data.id or new_id(),
        workspace_id=workspace_id,
        item_id=data.item_id,
        author_id=author.id,
        body=data.body,
        version=await log.first_version(uow, EntityKind.MESSAGE, data.id),
    )
    await uow.session.insert(message)
    await log.record(uow, actor, workspace_id, [log.created(message)])
    return message


async def get_message(uow: ReadUnit, actor: Actor, message_id: UUID) -> Message:
    """Return a message."""
    message = await messages.find(uow.session, actor.scope(), message_id)
    if message is None:
        raise _no_message()
    return message


async def get_messages(uow: ReadUnit, actor: Actor, ids: Sequence[UUID]) -> Sequence[Message | None]:
    """Return those of the messages that the caller may see, in the order of the ids."""
    rows = await messages.find_many(uow.session, actor.scope(), list(set(ids)))
    found = {message.id: message for message in rows}
    return [found.get(message_id) for message_id in ids]


async def list_messages(
    uow: ReadUnit,
    actor: Actor,
    workspace_id: UUID | None,
    item_id: UUID | None,
    *,
    sort: MessageSort,
    page: PageArguments,
) -> Page[Message]:
    """Return one page of an item's thread, or else of a workspace's room."""
    request = page.of(messages.sort_by(sort))
    scope = actor.scope()
    if item_id is not None:
        item = await get_item(uow, actor, item_id)
        check_home(item.workspace_id, workspace_id)
        return await messages.page_of_thread(uow.session, scope, item.id, request)
    workspace = await access.see(uow, actor, access.or_personal(actor, workspace_id))
    return await messages.page_of_room(uow.session, scope, workspace.id, request)


async def list_messages_of_workspaces(
    uow: ReadUnit, actor: Actor, workspaces: Sequence[UUID], *, sort: MessageSort, page: PageArguments
) -> Sequence[Page[Message]]:
    """Return one page of the room of each workspace."""
    request = page.of(messages.sort_by(sort))
    return await messages.pages_of_rooms(uow.session, actor.scope(), workspaces, request)


async def list_messages_of_items(
    uow: ReadUnit, actor: Actor, item_ids: Sequence[UUID], *, sort: MessageSort, page: PageArguments
) -> Sequence[Page[Message]]:
    """Return one page of the thread of each item."""
    request = page.of(messages.sort_by(sort))
    return await messages.pages_of_threads(uow.session, actor.scope(), item_ids, request)


@idempotent
async def update_message(
    uow: UnitOfWork, actor: Actor, message_id: UUID, data: MessageUpdate, *, expected_version: Expected = None
) -> Message:
    """Change a message, for its author.

    Raises:
        AppError: FORBIDDEN; PRECONDITION_FAILED if `expected_version` is not the current one.
    """
    message, _ = await _open(uow, actor, message_id)
    if message.author_id != actor.user_id:
        raise forbidden("Only its author may change a message.")
    check_version(message, expected_version)
    before = log.snapshot(message)
    if apply(message, sent(data)):
        await uow.session.flush()
        await log.record(uow, actor, message.workspace_id, [log.updated(message, before)])
    return message


@idempotent
async def delete_message(uow: UnitOfWork, actor: Actor, message_id: UUID) -> None:
    """Delete a message for good with its files, for its author and admins of the workspace."""
    message, member = await _open(uow, actor, message_id)
    may_manage = member is None or allows(member.role, Permission.MANAGE)
    if message.author_id != actor.user_id and not may_manage:
        raise forbidden("Only its author or an admin of the workspace may delete a message.")
    entries = [*await attachments.purge_with(uow, message), log.deleted(message)]
    await uow.session.delete(message)
    await log.record(uow, actor, message.workspace_id, entries)


async def _enter_room(uow: UnitOfWork, actor: Actor, data: MessageCreate) -> UUID:
    """Lock the workspace that the message will belong to and return its id."""
    if data.item_id is None:
        workspace_id = access.or_personal(actor, data.workspace_id)
        workspace, _ = await access.enter(uow, actor, workspace_id, Permission.WRITE)
        return workspace.id
    workspace, _ = await access.enter(uow, actor, items.workspace_of(data.item_id), Permission.WRITE, what="item")
    item = await items.find(uow.session, actor.scope(), data.item_id)
    if item is None:
        raise no_item()
    if item.deleted_at is not None:
        raise in_trash()
    check_home(workspace.id, data.workspace_id)
    return workspace.id


async def _open(uow: UnitOfWork, actor: Actor, message_id: UUID) -> tuple[Message, Member | None]:
    """Return the message, its workspace locked, and the caller as a member who may write there."""
    workspace_of = messages.workspace_of(message_id)
    _, member = await access.enter(uow, actor, workspace_of, Permission.WRITE, what="message")
    message = await messages.find(uow.session, actor.scope(), message_id)
    if message is None:
        raise _no_message()
    return message, member


def _same(message: Message, author_id: UUID, workspace_id: UUID) -> Message:
    if message.author_id == author_id and message.workspace_id == workspace_id:
        return message
    raise conflict("This id is taken.")


def _no_message() -> AppError:
    return not_found("message")
