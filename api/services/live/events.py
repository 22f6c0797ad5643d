"""What streams deliver: events, each a change or the sign that the stream is live."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from api.core.live import Effect
from api.schemas.files import FileRead
from api.schemas.invitations import InvitationRead
from api.schemas.items import ItemFilter, ItemRead
from api.schemas.messages import MessageRead
from api.schemas.types import Output
from api.schemas.workspaces import MemberState, WorkspaceRead
from api.services import log
from api.services.live.streams import Stream
from api.services.live.views import View
from db.models import Change, ChangeKind, EntityKind, OwnEntityKind
from db.repositories.changes import AnyChange

MARK_AFTER = 100
"""After so many changes that a filter passes over, its subscriber is told the number."""


@dataclass(frozen=True)
class Event:
    """One entry of the log on its way to a subscriber; without a change it says how far the stream is."""

    seq: int
    stream: Stream
    change: AnyChange | None = None
    effect: Effect | None = None

    @property
    def replayed_since(self) -> float | None:
        """Of a replay, the time (monotonic, in seconds) since when its subscriber waits for it."""
        return self.stream.opened_when if self.seq <= self.stream.opened_at else None

    def entity(self, kind: EntityKind | OwnEntityKind) -> Output | None:
        """Return the entity as it was after the change, if it is of this kind and still was."""
        change = self.change
        if change is None or change.entity != kind or change.state is None or self.effect is Effect.LEFT:
            return None
        return _revive(change, change.state)

    @property
    def changed(self) -> dict[str, Any] | None:
        """The former values of what changed; of a row that left a view nothing but the id is told."""
        return None if self.change is None or self.effect is Effect.LEFT else self.change.changed


_SHOWN: Mapping[str, type[Output]] = {
    "item": ItemRead,
    "message": MessageRead,
    "file": FileRead,
    "member": MemberState,
    "invitation": InvitationRead,
    "workspace": WorkspaceRead,
}


def _revive(change: AnyChange, state: dict[str, Any]) -> Output:
    # The log of a workspace says by its numbers how far it is; that of an account has it in the state.
    number = {"seq": change.seq} if change.entity is EntityKind.WORKSPACE else {}
    return log.revive(_SHOWN[change.entity], {**state, **number})


async def changes_of(stream: Stream) -> AsyncGenerator[Event, None]:
    """Yield every change of the log, without end; first, if the stream begins now, that it is live.

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

    def select(event: Event, change: AnyChange) -> Event | None:
        effect = None
        if isinstance(change, Change) and change.entity is EntityKind.ITEM:
            effect = view.effect_of(change)
        return replace(event, effect=effect) if effect else None

    async with aclosing(_selected(stream, select)) as events:
        async for event in events:
            yield event


async def messages_of(stream: Stream, item_id: UUID | None) -> AsyncGenerator[Event, None]:
    """Yield new messages of an item's thread, or else of the workspace's room: see `changes_of` and `_selected`."""
    thread = None if item_id is None else str(item_id)

    def select(event: Event, change: AnyChange) -> Event | None:
        return event if _is_post(change, thread) else None

    async with aclosing(_selected(stream, select)) as events:
        async for event in events:
            yield event


async def _selected(stream: Stream, select: Callable[[Event, AnyChange], Event | None]) -> AsyncGenerator[Event, None]:
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


def _is_post(change: AnyChange, thread: str | None) -> bool:
    is_message = change.entity is EntityKind.MESSAGE and change.kind is ChangeKind.CREATED
    return is_message and change.state is not None and change.state["item_id"] == thread
