"""Writing the change log: every change of a row gets its entry in the transaction that makes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from uuid import UUID

from pydantic import ValidationError

from api.core.actor import Actor
from api.schemas.files import FileRead
from api.schemas.items import ItemRead
from api.schemas.messages import MessageRead
from api.schemas.types import Output
from api.schemas.workspaces import MemberState, WorkspaceState
from db.clock import utc_now
from db.models import ChangeKind, EntityKind, File, Item, Member, Message, Workspace
from db.models.base import same
from db.repositories import changes, tombstones, workspaces
from db.unit_of_work import ReadUnit, UnitOfWork

Logged = Workspace | Member | Item | Message | File
T = TypeVar("T", bound=Output)

_STATES: Mapping[type, tuple[EntityKind, type[Output]]] = {
    Workspace: (EntityKind.WORKSPACE, WorkspaceState),
    Member: (EntityKind.MEMBER, MemberState),
    Item: (EntityKind.ITEM, ItemRead),
    Message: (EntityKind.MESSAGE, MessageRead),
    File: (EntityKind.FILE, FileRead),
}


@dataclass(frozen=True)
class Entry:
    """A change that has no number yet."""

    kind: ChangeKind
    entity: EntityKind
    entity_id: UUID
    version: int
    state: dict[str, Any] | None
    changed: dict[str, Any]


def snapshot(row: Logged) -> dict[str, Any]:
    """Return the state of a row as JSON, with the names and formats of the REST door."""
    return _STATES[type(row)][1].model_validate(row).model_dump(mode="json")


class UnreadableStateError(Exception):
    """A snapshot was written by a version that knew other fields: nothing that a client could mend."""


def revive(kind: type[T], state: Mapping[str, Any]) -> T:
    """Return what a snapshot shows. A field that comes into being later needs a default, for old snapshots.

    Raises:
        UnreadableStateError: it does not fit.
    """
    try:
        return kind.model_validate(state)
    except ValidationError as error:
        raise UnreadableStateError(str(error)) from error


def created(row: Logged) -> Entry:
    """Return the entry for a new row, which must be flushed."""
    return _entry(ChangeKind.CREATED, row, snapshot(row), {})


def updated(row: Logged, before: Mapping[str, Any], kind: ChangeKind = ChangeKind.UPDATED) -> Entry:
    """Return the entry for a changed row, given its snapshot before."""
    state = snapshot(row)
    return _entry(kind, row, state, {name: value for name, value in before.items() if not same(value, state[name])})


def deleted(row: Logged) -> Entry:
    """Return the entry for a row that goes for good; all it was is in `changed`.

    It has a version of its own, or whoever read the row after an older number would keep it for ever.
    """
    return replace(_entry(ChangeKind.DELETED, row, None, snapshot(row)), version=row.version + 1)


async def first_version(
    uow: ReadUnit, entity: EntityKind, entity_id: UUID | None, *, workspace_id: UUID | None = None
) -> int:
    """Return the version of a new row: 1, or what follows the version with which its id was deleted before.

    Ask once the id is known to be free. None is an id that nobody ever had.
    """
    if entity_id is None:
        return 1
    found = await tombstones.versions(uow.session, entity, [entity_id], workspace_id=workspace_id)
    return found.get(entity_id, 0) + 1


async def record(uow: UnitOfWork, actor: Actor, workspace_id: UUID, entries: Sequence[Entry]) -> None:
    """Append entries to a workspace's log, and leave a tombstone for what goes for good.

    The numbers come from an UPDATE of the workspace's row, whose lock is held until the commit:
    the next writer gets its number only after these are visible, so no reader can skip one.
    """
    last = await workspaces.take_seqs(uow.session, workspace_id, len(entries))
    now = utc_now()
    rows: list[dict[str, object]] = [
        {
            "workspace_id": workspace_id,
            "seq": seq,
            "at": now,
            "actor_id": actor.user_id,
            "kind": entry.kind,
            "entity": entry.entity,
            "entity_id": entry.entity_id,
            "version": entry.version,
            "state": entry.state,
            "changed": entry.changed,
        }
        for seq, entry in enumerate(entries, last - len(entries) + 1)
    ]
    await changes.append(uow.session, rows)
    await _bury(uow, workspace_id, entries)
    uow.last_seqs[workspace_id] = last


async def _bury(uow: UnitOfWork, workspace_id: UUID, entries: Sequence[Entry]) -> None:
    """Keep the versions of deleted rows; a deleted workspace keeps its own row."""
    rows: list[dict[str, object]] = [
        {"entity_id": one.entity_id, "workspace_id": workspace_id, "entity": one.entity, "version": one.version}
        for one in entries
        if one.state is None and one.entity is not EntityKind.WORKSPACE
    ]
    if rows:
        await tombstones.add(uow.session, rows)


def _entry(kind: ChangeKind, row: Logged, state: dict[str, Any] | None, former: dict[str, Any]) -> Entry:
    entity_id = row.user_id if isinstance(row, Member) else row.id
    return Entry(kind, _STATES[type(row)][0], entity_id, row.version, state, former)
