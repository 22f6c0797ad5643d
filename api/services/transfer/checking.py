"""What a row needs from the database: people, free ids, the item of a thread."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from api.schemas.items import ItemCreate
from api.services.transfer.records import ItemRecord, MessageRecord
from api.services.transfer.rows import BadRow, Row
from db.clock import utc_now
from db.models import EntityKind, Item, Message
from db.models.base import new_id
from db.repositories import items, tombstones, transfer
from db.session import ReadSession

TAKEN = "id: This id is taken"
REPEATED = "id: This id is on an earlier line already"
NO_MEMBER = "The assignee must be a member of the workspace"
NO_ITEM = "item_id: No earlier line and nothing in the workspace is this item"
NO_ITEM_IN_FILE = "item_id: No earlier line is this item"
ONE_ASSIGNEE = "assignee: Give assignee or assignee_id, not both"

_CONTENT = set(ItemCreate.model_fields) - {"id", "workspace_id", "assignee_id"}


@dataclass(frozen=True)
class ImportPlan:
    """Where rows go. `owner_id` owns what names nobody, or somebody unknown here."""

    workspace_id: UUID
    owner_id: UUID
    new_ids: bool = False
    skip_bad: bool = False


@dataclass
class Tally:
    """What became, or would become, of the rows. The counters are by e-mail address."""

    items: int = 0
    messages: int = 0
    bad: int = 0
    stand_ins: Counter[str] = field(default_factory=Counter)
    unassigned: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Accepted:
    """A row of a table that may be written."""

    table: type[Item | Message]
    values: Mapping[str, Any]


@dataclass(frozen=True)
class _Around:
    """What the database has of what a batch of rows names."""

    taken: frozenset[UUID]
    present: frozenset[UUID]
    # The versions with which ids of the batch were deleted before.
    ended: Mapping[UUID, int]


class Checker:
    """Checks rows in the order of the file, a batch at a time, against one transaction.

    Of the rows it has seen it keeps nothing but the ids they came with.
    """

    def __init__(self, session: ReadSession, plan: ImportPlan) -> None:
        self._session = session
        self._plan = plan
        self.tally = Tally()
        # As numbers, which take half the memory of UUID objects: the id in the file, the id here.
        self._items: dict[int, int] = {}
        self._messages: set[int] = set()
        self._accounts: dict[str, UUID | None] = {}
        self._members: dict[UUID, bool] = {}

    async def check(self, rows: Sequence[Row]) -> tuple[list[Accepted], list[BadRow]]:
        """Return what may be written, in order, and the rows that may not."""
        await self._meet_people([row.record for row in rows])
        around = await self._look_around(rows)
        accepted: list[Accepted] = []
        bad: list[BadRow] = []
        for row in rows:
            record = row.record
            problems = self._problems(record, around)
            if problems:
                bad.append(BadRow(row.line, problems, tuple(_value(record, problem) for problem in problems)))
            elif isinstance(record, ItemRecord):
                accepted.append(Accepted(Item, self._item(record, around)))
                self.tally.items += 1
            else:
                accepted.append(Accepted(Message, self._message(record, around)))
                self.tally.messages += 1
        self.tally.bad += len(bad)
        return accepted, bad

    async def _meet_people(self, records: Iterable[ItemRecord | MessageRecord]) -> None:
        addresses: set[str] = set()
        users: set[UUID] = set()
        for record in records:
            if isinstance(record, ItemRecord):
                addresses |= {address for address in (record.owner, record.assignee) if address}
                users |= {record.assignee_id} if record.assignee_id else set()
            elif record.author:
                addresses.add(record.author)
        new = addresses - self._accounts.keys()
        if new:
            found = await transfer.accounts_of(self._session, list(new))
            self._accounts |= {address: found.get(address) for address in new}
            users |= set(found.values())
        users -= self._members.keys()
        if users:
            members = set(await transfer.members_among(self._session, self._plan.workspace_id, list(users)))
            self._members |= {user: user in members for user in users}

    async def _look_around(self, rows: Sequence[Row]) -> _Around:
        item_ids = [row.record.id for row in rows if isinstance(row.record, ItemRecord) and row.record.id]
        message_ids = [row.record.id for row in rows if isinstance(row.record, MessageRecord) and row.record.id]
        threads = {row.record.item_id for row in rows if isinstance(row.record, MessageRecord) and row.record.item_id}
        elsewhere = [item_id for item_id in threads if item_id.int not in self._items]
        if self._plan.new_ids:
            # What the workspace has under an id of the file is another item.
            return _Around(frozenset(), frozenset(), {})
        taken: set[UUID] = set()
        if item_ids:
            taken |= set(await items.taken(self._session, item_ids))
        if message_ids:
            taken |= set(await transfer.taken_messages(self._session, message_ids))
        present: Sequence[UUID] = ()
        if elsewhere:
            present = await transfer.items_among(self._session, self._plan.workspace_id, elsewhere)
        ended = {
            **await tombstones.versions(self._session, EntityKind.ITEM, item_ids),
            **await tombstones.versions(self._session, EntityKind.MESSAGE, message_ids),
        }
        return _Around(frozenset(taken), frozenset(present), ended)

    def _problems(self, record: ItemRecord | MessageRecord, around: _Around) -> tuple[str, ...]:
        problems: list[str] = []
        if record.id is not None:
            known: Mapping[int, int] | set[int] = self._items if isinstance(record, ItemRecord) else self._messages
            if record.id.int in known:
                problems.append(REPEATED)
            elif record.id in around.taken:
                problems.append(TAKEN)
        if isinstance(record, ItemRecord):
            problems += self._assignee_problems(record)
        elif record.item_id is not None and not (record.item_id.int in self._items or record.item_id in around.present):
            problems.append(NO_ITEM_IN_FILE if self._plan.new_ids else NO_ITEM)
        return tuple(problems)

    def _assignee_problems(self, record: ItemRecord) -> list[str]:
        if record.assignee_id is not None:
            if record.assignee:
                return [ONE_ASSIGNEE]
            return [] if self._members[record.assignee_id] else [f"assignee_id: {NO_MEMBER}"]
        if not record.assignee or record.version is not None:
            # A copy keeps its assignee who has left the workspace meanwhile, as the item itself does.
            return []
        account = self._accounts[record.assignee]
        return [] if account and self._members[account] else [f"assignee: {NO_MEMBER}"]

    def _item(self, record: ItemRecord, around: _Around) -> dict[str, Any]:
        item_id = self._place(record)
        if record.id is not None:
            self._items[record.id.int] = item_id.int
        return {
            **record.model_dump(include=_CONTENT),
            **self._history(record, around),
            "id": item_id,
            "owner_id": self._account_or_owner(record.owner),
            "assignee_id": record.assignee_id or self._assignee(record.assignee),
            "deleted_at": record.deleted_at,
        }

    def _message(self, record: MessageRecord, around: _Around) -> dict[str, Any]:
        message_id = self._place(record)
        if record.id is not None:
            self._messages.add(record.id.int)
        item_id = record.item_id
        if item_id is not None and item_id.int in self._items:
            item_id = UUID(int=self._items[item_id.int])
        return {
            **self._history(record, around),
            "id": message_id,
            "item_id": item_id,
            "author_id": self._account_or_owner(record.author),
            "body": record.body,
        }

    def _place(self, record: ItemRecord | MessageRecord) -> UUID:
        return new_id() if record.id is None or self._plan.new_ids else record.id

    def _history(self, record: ItemRecord | MessageRecord, around: _Around) -> dict[str, Any]:
        created = record.created_at or utc_now()
        return {
            "workspace_id": self._plan.workspace_id,
            "created_at": created,
            "updated_at": record.updated_at or created,
            # Versions only rise: a copy of what was deleted here goes on from there.
            "version": max(record.version or 1, around.ended.get(record.id, 0) + 1 if record.id else 1),
        }

    def _account_or_owner(self, address: str | None) -> UUID:
        if not address:
            return self._plan.owner_id
        account = self._accounts[address]
        if account is None:
            self.tally.stand_ins[address] += 1
            return self._plan.owner_id
        return account

    def _assignee(self, address: str | None) -> UUID | None:
        if not address:
            return None
        if self._accounts[address] is None:
            self.tally.unassigned[address] += 1
        return self._accounts[address]


def _value(record: ItemRecord | MessageRecord, problem: str) -> object:
    """Return the value that a problem is about, whose path it begins with."""
    return getattr(record, problem.partition(":")[0], None)
