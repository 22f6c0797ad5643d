"""What streams deliver: events, each a change or the sign that the stream is live."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from api.core.live import Effect
from api.schemas.items import ItemFilter, ItemRead
from api.schemas.messages import MessageRead
from api.schemas.types import Output
from api.schemas.workspaces import MemberState, WorkspaceRead
from api.services import log
from api.services.live.streams import Stream
from api.services.live.views import View
from db.models import Change, ChangeKind, EntityKind

MARK_AFTER = 100
"""After so many changes that a filter passes over, its subscriber is told the number."""


@dataclass(frozen=True)
class Event:
    """One entry of the log on its way to a subscriber; without a change it says how far the stream is."""

    seq: int
    stream: Stream
    change: Change | None = None
    effect: Effect | None = None

    @property
    def replayed_since(self) -> float | None:
        """Of a replay, the time (monotonic, in seconds) since when its subscriber waits for it."""
        return self.stream.opened_when if self.seq <= self.stream.opened_at else None

    def entity(self, kind: EntityKind) -> Output | None:
        """Return the entity as it was after the change, if it is of this kind and still was."""
        change = self.change
        if change is None or change.entity is not kind or change.state is None or self.effect is Effect.LEFT:
            return None
        return _revive(change, change.state)

    @property
    def changed(self) -> dict[str, Any] | None:
        """The former values of what changed; of a row that left a view nothing but the id is told."""
        return None if self.change is None or self.effect is Effect.LEFT else self.change.changed


def _revive(change: Change, state: dict[str, Any]) -> Output:
    if change.entity is EntityKind.ITEM:
        return log.revive(ItemRead, state)
    if change.entity is EntityKind.MESSAGE:
        return log.revive(MessageRead, state)
    if change.entity is EntityKind.MEMBER:
        return log.revive(MemberState, state)
    return log.revive(WorkspaceRead, {**state, "seq": change.seq})


async def changes_of(stream: Stream) -> AsyncGenerator[Event, None]:
    """Yield every change of the workspace, without end; first, if the stream begins now, that it is live.

    Raises:
        AppError: UNAUTHENTICATED or FORBIDDEN when the right of the stream ends.
    """
    if stream.begins_now:
        yield Event(stream.seq, stream)
    async with aclosing(stream.changes()) as changes:
        async for change in changes:
            yield Event(change.seq, stream, change)


async def items_of(stream: Stream, where: ItemFilter) -> AsyncGenerator[Event, None]:
    """Yield what changes the set of items that a filter selects: see `changes_of` and `_selected`."""
    view = View(where)

    def select(event: Event, change: Change) -> Event | None:
        effect = view.effect_of(change) if change.entity is EntityKind.ITEM else None
        return replace(event, effect=effect) if effect else None

    async with aclosing(_selected(stream, select)) as events:
        async for event in events:
            yield event


async def messages_of(stream: Stream, item_id: UUID | None) -> AsyncGenerator[Event, None]:
    """Yield new messages of an item's thread, or else of the workspace's room: see `changes_of` and `_selected`."""
    thread = None if item_id is None else str(item_id)

    def select(event: Event, change: Change) -> Event | None:
        return event if _is_post(change, thread) else None

    async with aclosing(_selected(stream, select)) as events:
        async for event in events:
            yield event


async def _selected(stream: Stream, select: Callable[[Event, Change], Event | None]) -> AsyncGenerator[Event, None]:
    """Yield the events that are chosen, and after many that are not how far the stream is.

    A client that resumes need not have passed over all of those again, nor find that the log
    no longer reaches back to a number after which nothing concerned it.
    """
    passed_over = 0
    async with aclosing(changes_of(stream)) as events:
        async for event in events:
            chosen = event if event.change is None else select(event, event.change)
            passed_over = 0 if chosen else passed_over + 1
            if passed_over == MARK_AFTER:
                chosen, passed_over = Event(event.seq, stream), 0
            if chosen:
                yield chosen


def _is_post(change: Change, thread: str | None) -> bool:
    is_message = change.entity is EntityKind.MESSAGE and change.kind is ChangeKind.CREATED
    return is_message and change.state is not None and change.state["item_id"] == thread
