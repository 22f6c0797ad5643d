"""What streams deliver: events, each a change or the sign that the stream is live."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from api.core.live import Effect
from api.schemas.items import ItemFilter, ItemRead
from api.schemas.messages import MessageRead
from api.schemas.types import Output
from api.schemas.workspaces import MemberState, WorkspaceRead
from api.services.live.streams import Stream
from api.services.live.views import effect_of
from db.models import Change, ChangeKind, EntityKind


@dataclass(frozen=True)
class Event:
    """One entry of the log on its way to a subscriber; without a change it says that the stream is live."""

    seq: int
    change: Change | None = None
    effect: Effect | None = None

    def entity(self, kind: EntityKind) -> Output | None:
        """Return the entity as it was after the change, if it is of this kind and still was."""
        change = self.change
        if change is None or change.entity is not kind or change.state is None or self.effect is Effect.LEFT:
            return None
        return _revive(change, change.state)


def _revive(change: Change, state: dict[str, Any]) -> Output:
    if change.entity is EntityKind.ITEM:
        return ItemRead.model_validate(state)
    if change.entity is EntityKind.MESSAGE:
        return MessageRead.model_validate(state)
    if change.entity is EntityKind.MEMBER:
        return MemberState.model_validate(state)
    return WorkspaceRead.model_validate({**state, "seq": change.seq})


async def changes_of(stream: Stream) -> AsyncGenerator[Event, None]:
    """Yield every change of the workspace, without end; first, if the stream begins now, that it is live.

    Raises:
        AppError: UNAUTHENTICATED or FORBIDDEN when the right of the stream ends.
    """
    if stream.begins_now:
        yield Event(stream.seq)
    async with aclosing(stream.batches()) as batches:
        async for batch in batches:
            for change in batch:
                yield Event(change.seq, change)


async def items_of(stream: Stream, where: ItemFilter) -> AsyncGenerator[Event, None]:
    """Yield what changes the set of items that a filter selects: see `changes_of`."""
    async with aclosing(changes_of(stream)) as events:
        async for event in events:
            if event.change is None:
                yield event
            elif event.change.entity is EntityKind.ITEM:
                effect = effect_of(event.change, where)
                if effect is not None:
                    yield Event(event.seq, event.change, effect)


async def messages_of(stream: Stream, item_id: UUID | None) -> AsyncGenerator[Event, None]:
    """Yield new messages of an item's thread, or else of the workspace's room: see `changes_of`."""
    thread = None if item_id is None else str(item_id)
    async with aclosing(changes_of(stream)) as events:
        async for event in events:
            if event.change is None or _is_post(event.change, thread):
                yield event


def _is_post(change: Change, thread: str | None) -> bool:
    is_message = change.entity is EntityKind.MESSAGE and change.kind is ChangeKind.CREATED
    return is_message and change.state is not None and change.state["item_id"] == thread
