"""Subscriptions: the change log as it grows."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, aclosing
from datetime import datetime
from enum import StrEnum
from inspect import cleandoc
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from api.core.live import Effect
from api.schemas import items as schemas
from api.schemas.changes import MAX_STATE, VERSION
from api.services import users
from api.services.live.events import Event, changes_of, items_of, messages_of
from api.services.live.streams import Stream
from db.models import Change, EntityKind, OwnEntityKind
from db.models import User as UserRow
from graphql_schema.door.context import Info
from graphql_schema.execution.price import cost_of
from graphql_schema.from_pydantic import model_or
from graphql_schema.scalars import BigInt
from graphql_schema.types import PERSONAL, WHERE

if TYPE_CHECKING:
    from graphql_schema.files import File
    from graphql_schema.invitations import Invitation
    from graphql_schema.items import Item, ItemFilter
    from graphql_schema.members import Member
    from graphql_schema.messages import Message
    from graphql_schema.users import User
    from graphql_schema.workspaces import Workspace

LazyFile = Annotated["File", strawberry.lazy("graphql_schema.files")]
LazyInvitation = Annotated["Invitation", strawberry.lazy("graphql_schema.invitations")]
LazyItem = Annotated["Item", strawberry.lazy("graphql_schema.items")]
LazyItemFilter = Annotated["ItemFilter", strawberry.lazy("graphql_schema.items")]
LazyMember = Annotated["Member", strawberry.lazy("graphql_schema.members")]
LazyMessage = Annotated["Message", strawberry.lazy("graphql_schema.messages")]
LazyUser = Annotated["User", strawberry.lazy("graphql_schema.users")]
LazyWorkspace = Annotated["Workspace", strawberry.lazy("graphql_schema.workspaces")]

Watched = Annotated[UUID, strawberry.argument(description="The workspace to watch.")]
Resume = Annotated[
    BigInt | None,
    strawberry.argument(
        description="The last number you have seen: what follows it is replayed, then the stream goes on live. "
        "If absent, the stream begins now, with a `READY`."
    ),
]


class EventKind(StrEnum):
    """What happened. `READY` says that nothing did: so far the stream has come.

    It is the first event of a stream that begins now, which is live from that number on. A filtered stream sends it
    after many changes that do not concern it, so that it can be resumed after them.
    """

    READY = "ready"
    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    RESTORED = "restored"


strawberry.enum(EventKind, description=cleandoc(EventKind.__doc__ or ""))
strawberry.enum(Effect, description=cleandoc(Effect.__doc__ or ""))


@strawberry.type
class LiveEvent:
    """What all events have. Resolvers hand out the service's `Event`."""

    seq: BigInt = strawberry.field(description="Number of the change; resume with `after` set to the last one.")

    @strawberry.field(description="What happened.")
    def kind(self, root: strawberry.Parent[Event]) -> EventKind:
        """Return the change's kind."""
        return EventKind(root.change.kind) if root.change else EventKind.READY

    @strawberry.field(description="When; null of a `READY`.")
    def at(self, root: strawberry.Parent[Event]) -> datetime | None:
        """Return the change's time."""
        return root.change.at if root.change else None

    @strawberry.field(description="Who did it; null is the system, or a `READY`.", graphql_type=LazyUser | None)
    async def actor(self, root: strawberry.Parent[Event], info: Info) -> UserRow | None:
        """Return the actor."""
        actor_id = root.change.actor_id if root.change else None
        return await info.context.batched(users.get_users, actor_id) if actor_id else None

    @strawberry.field(
        description="The former values of what changed; null of a `READY`, and of what `LEFT`.",
        metadata={"letters": MAX_STATE},
    )
    def changed(self, root: strawberry.Parent[Event]) -> JSON | None:
        """Return the former values."""
        return None if root.changed is None else JSON(root.changed)


@strawberry.type
class EntityEvent(LiveEvent):
    """What events of a whole log have. The entity is under its own name; null of the others, and when it is gone."""

    @strawberry.field(description="Its id; of a member, the user's id.")
    def entity_id(self, root: strawberry.Parent[Event]) -> UUID | None:
        """Return the entity's id."""
        return root.change.entity_id if root.change else None

    @strawberry.field(description="The member as it was after the change.", graphql_type=LazyMember | None)
    def member(self, root: strawberry.Parent[Event]) -> Any:
        """Return the member."""
        return root.entity(EntityKind.MEMBER)

    @strawberry.field(description="The workspace as it was after the change.", graphql_type=LazyWorkspace | None)
    def workspace(self, root: strawberry.Parent[Event]) -> Any:
        """Return the workspace."""
        return root.entity(EntityKind.WORKSPACE)


@strawberry.type(description="A change of anything in a workspace.")
class ChangeEvent(EntityEvent):
    """What a workspace's log tells."""

    @strawberry.field(description="What kind of thing was changed; null of a `READY`.")
    def entity(self, root: strawberry.Parent[Event]) -> EntityKind | None:
        """Return the kind of entity."""
        return EntityKind(root.change.entity) if root.change else None

    @strawberry.field(description=VERSION)
    def version(self, root: strawberry.Parent[Event]) -> int | None:
        """Return the entity's version."""
        return root.change.version if isinstance(root.change, Change) else None

    @strawberry.field(description="The item as it was after the change.", graphql_type=LazyItem | None)
    def item(self, root: strawberry.Parent[Event]) -> Any:
        """Return the item."""
        return root.entity(EntityKind.ITEM)

    @strawberry.field(description="The message as it was after the change.", graphql_type=LazyMessage | None)
    def message(self, root: strawberry.Parent[Event]) -> Any:
        """Return the message."""
        return root.entity(EntityKind.MESSAGE)

    @strawberry.field(description="The file as it was after the change.", graphql_type=LazyFile | None)
    def file(self, root: strawberry.Parent[Event]) -> Any:
        """Return the file."""
        return root.entity(EntityKind.FILE)


@strawberry.type(description="A change of what you belong to, or of where you are asked in.")
class OwnEvent(EntityEvent):
    """What an account's own log tells."""

    @strawberry.field(description="What kind of thing was changed; null of a `READY`.")
    def entity(self, root: strawberry.Parent[Event]) -> OwnEntityKind | None:
        """Return the kind of entity."""
        return OwnEntityKind(root.change.entity) if root.change else None

    @strawberry.field(description="In which workspace, or into which you are asked; null of a `READY`.")
    def workspace_id(self, root: strawberry.Parent[Event]) -> UUID | None:
        """Return the workspace's id."""
        return root.change.workspace_id if root.change else None

    @strawberry.field(description="The invitation as it was after the change.", graphql_type=LazyInvitation | None)
    def invitation(self, root: strawberry.Parent[Event]) -> Any:
        """Return the invitation."""
        return root.entity(OwnEntityKind.INVITATION)


@strawberry.type(description="A change of the set of items that a filter selects.")
class ItemEvent(LiveEvent):
    """Of an item that left the view nothing but the id is told."""

    effect: Effect | None = strawberry.field(description="What it does to the set; null of a `READY`.")

    @strawberry.field(description="The item's id; null of a `READY`.")
    def item_id(self, root: strawberry.Parent[Event]) -> UUID | None:
        """Return the item's id."""
        return root.change.entity_id if root.change else None

    @strawberry.field(
        description="The item as it was after the change; null if it `LEFT`.", graphql_type=LazyItem | None
    )
    def item(self, root: strawberry.Parent[Event]) -> Any:
        """Return the item."""
        return root.entity(EntityKind.ITEM)


@strawberry.type(description="A new message.")
class MessageEvent(LiveEvent):
    """What the classic websocket broadcast sends."""

    @strawberry.field(description="The message as it was posted; null of a `READY`.", graphql_type=LazyMessage | None)
    def message(self, root: strawberry.Parent[Event]) -> Any:
        """Return the message."""
        return root.entity(EntityKind.MESSAGE)


def _open(info: Info, workspace_id: UUID | None, after: int | None) -> AbstractAsyncContextManager[Stream]:
    return info.context.stream(workspace_id, after, cost=cost_of(info._raw_info))  # noqa: SLF001 - no public name


@strawberry.type(description="Watching. A stream ends with an error of the catalogue when its right ends.")
class Subscription:
    """All subscriptions; each yields the service's events."""

    @strawberry.subscription(description="Every change of a workspace.", graphql_type=ChangeEvent)
    async def changes(self, info: Info, workspace_id: Watched, after: Resume = None) -> AsyncGenerator[Event, None]:
        """Follow the log."""
        async with _open(info, workspace_id, after) as stream, aclosing(changes_of(stream)) as events:
            async for event in events:
                yield event

    @strawberry.subscription(
        description="Every change of your own log: the workspaces you belong to, your role in each, and the "
        "invitations to your confirmed address.",
        graphql_type=OwnEvent,
        metadata=PERSONAL,
    )
    async def mine(self, info: Info, after: Resume = None) -> AsyncGenerator[Event, None]:
        """Follow one's own log."""
        async with _open(info, None, after) as stream, aclosing(changes_of(stream)) as events:
            async for event in events:
                yield event

    @strawberry.subscription(
        description="What changes the set of items that a filter selects: exactly what enters it, changes in it and "
        "leaves it.",
        graphql_type=ItemEvent,
    )
    async def item_changes(
        self,
        info: Info,
        workspace_id: Watched,
        filter: Annotated[LazyItemFilter | None, WHERE] = None,
        after: Resume = None,
    ) -> AsyncGenerator[Event, None]:
        """Follow a view."""
        where = model_or(filter, schemas.ItemFilter)
        async with _open(info, workspace_id, after) as stream, aclosing(items_of(stream, where)) as events:
            async for event in events:
                yield event

    @strawberry.subscription(
        description="New messages of an item's thread, or else of the workspace's room.", graphql_type=MessageEvent
    )
    async def message_posted(
        self,
        info: Info,
        workspace_id: Watched,
        item_id: Annotated[UUID | None, strawberry.argument(description="The item whose thread to watch.")] = None,
        after: Resume = None,
    ) -> AsyncGenerator[Event, None]:
        """Follow a conversation."""
        async with _open(info, workspace_id, after) as stream, aclosing(messages_of(stream, item_id)) as events:
            async for event in events:
                yield event
