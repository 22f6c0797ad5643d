"""Subscribers who keep a copy of a list by folding events into it, and check each event as it comes."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field
from uuid import UUID

from api.core.errors import AppError
from api.core.live import Effect
from api.core.pages import PageArguments
from api.routers.streams import _render
from api.schemas.items import ItemFilter, ItemRead, ItemSort
from api.schemas.streams import ItemEventRead
from api.services.items import list_items
from api.services.live.events import Event, changes_of, items_of
from api.services.live.hub import Hub
from api.services.live.streams import Stream, open_stream
from api.services.workspaces import get_workspace
from db.models import EntityKind
from tests.doors.people import Person

PATIENCE_SECONDS = 20
EVERYTHING = PageArguments(100)


@dataclass
class Ledger:
    """What the test knows to be true: the log's end, who is a member, who left at which number, and all ids."""

    hub: Hub
    workspace: UUID
    head: int = 0
    present: set[UUID] = field(default_factory=set)
    departures: list[tuple[int, UUID]] = field(default_factory=list)
    ids: set[UUID] = field(default_factory=set)

    def may_see(self, person: UUID, opened_at: int, seq: int) -> bool:
        """Return whether a stream opened when the log ended at `opened_at` may show a number at this moment."""
        left = any(who == person and opened_at < gone <= seq for gone, who in self.departures)
        return person in self.present or not left


class Copy:
    """A view of the items, kept up to date by events alone; without a filter, a witness of the whole log."""

    def __init__(self, ledger: Ledger, person: Person, where: ItemFilter | None) -> None:
        self.ledger = ledger
        self.person = person
        self.where = where
        self.rows: dict[UUID, ItemRead] = {}
        self.seq = 0
        self._stream: Stream | None = None
        self._parked = False
        self._news = asyncio.Condition()
        self._task: asyncio.Task[AppError | None] | None = None

    async def asked(self) -> tuple[int, dict[UUID, ItemRead]]:
        """Return the number and the rows as a query finds them, in one read unit."""
        where = self.where or ItemFilter()
        async with self.ledger.hub.database.read() as uow:
            seq = (await get_workspace(uow, self.person.actor, self.ledger.workspace)).seq
            page = await list_items(
                uow, self.person.actor, self.ledger.workspace, where, sort=ItemSort.CREATED_ASC, page=EVERYTHING
            )
        assert not page.has_next
        return seq, {row.id: ItemRead.model_validate(row) for row in page.rows}

    async def begin_with_a_query(self) -> None:
        """Begin with what a query finds, to go on after its number."""
        self.seq, self.rows = await self.asked()

    def open(self) -> None:
        """Subscribe after the last number seen, unless that runs already."""
        if self._task is None:
            self._task = asyncio.create_task(self._follow(self.ledger.head))

    async def cut(self) -> None:
        """Lose the connection, wherever it stands."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = self._stream = None

    async def settle(self) -> AppError | None:
        """Wait until everything has arrived, or the stream ended; return why it did."""
        task, head = self._task, self.ledger.head
        assert task is not None
        async with asyncio.timeout(PATIENCE_SECONDS), self._news:
            await self._news.wait_for(lambda: task.done() or self._caught_up(head))
        if not task.done():
            return None
        self._task = self._stream = None
        return task.result()

    def _caught_up(self, head: int) -> bool:
        return self._stream is not None and self._parked and self._stream.seq >= head

    async def _follow(self, opened_at: int) -> AppError | None:
        try:
            async with open_stream(self.ledger.hub, self.person.actor, self.ledger.workspace, self.seq) as stream:
                self._note_waiting(stream)
                source = changes_of(stream) if self.where is None else items_of(stream, self.where)
                async with aclosing(source) as events:
                    async for event in events:
                        self._take(event, opened_at)
        except AppError as error:
            return error
        finally:
            asyncio.get_running_loop().call_soon(asyncio.ensure_future, self._tell())
        return None

    def _note_waiting(self, stream: Stream) -> None:
        """Know when the stream has nothing left to deliver: then, and only then, it waits."""
        wait = stream._wait

        async def note() -> None:
            self._parked = True
            await self._tell()
            await wait()
            self._parked = False

        stream._wait = note  # type: ignore[method-assign]
        self._parked = False
        self._stream = stream

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    def _take(self, event: Event, opened_at: int) -> None:
        change = event.change
        assert change is not None
        assert self.ledger.may_see(self.person.id, opened_at, event.seq)
        assert change.entity_id in self.ledger.ids
        assert event.seq > self.seq
        if self.where is None:
            assert event.seq == self.seq + 1
        else:
            self._fold(event, change.entity_id)
        self.seq = event.seq

    def _fold(self, event: Event, item_id: UUID) -> None:
        shown = event.entity(EntityKind.ITEM)
        assert (item_id in self.rows) == (event.effect is not Effect.ENTERED)
        if event.effect is Effect.LEFT:
            assert shown is None
            told = _render(event).data
            assert isinstance(told, ItemEventRead)
            known = {"seq", "at", "actor_id", "kind", "effect", "item_id"}
            assert {name for name, value in told.model_dump().items() if value is not None} == known
            del self.rows[item_id]
        else:
            assert isinstance(shown, ItemRead)
            self.rows[item_id] = shown
