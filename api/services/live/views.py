"""What a filtered stream shows: which changes enter, stay in or leave the view of a filter."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from api.core.live import Effect
from api.schemas.items import ItemFilter, ItemRead
from api.services import log
from db.models import Change, ChangeKind
from db.models.items import fold

_TERMS: Mapping[str, Callable[[ItemRead, Any], bool]] = {
    "status": lambda item, value: item.status in value,
    "assignee_id": lambda item, value: item.assignee_id == value,
    "owner_id": lambda item, value: item.owner_id == value,
    "tag": lambda item, value: value in item.tags,
    "priority_from": lambda item, value: item.priority >= value,
    "priority_to": lambda item, value: item.priority <= value,
    "created_from": lambda item, value: item.created_at >= value,
    "created_to": lambda item, value: item.created_at < value,
    "updated_from": lambda item, value: item.updated_at >= value,
    "updated_to": lambda item, value: item.updated_at < value,
    "due_from": lambda item, value: _due(item, lambda due: due >= value),
    "due_to": lambda item, value: _due(item, lambda due: due < value),
    "text": lambda item, value: fold(value) in fold(f"{item.title}\n{item.description}"),
}
"""The conditions of `list_items`, term by term the same as in its query."""


def matches(where: ItemFilter, item: ItemRead) -> bool:
    """Return whether `list_items` with this filter would list the item."""
    if where.trashed != (item.deleted_at is not None):
        return False
    given = ((name, getattr(where, name)) for name in _TERMS)
    return all(_TERMS[name](item, value) for name, value in given if value is not None)


def effect_of(change: Change, where: ItemFilter) -> Effect | None:
    """Return what a change of an item does to the view; None if it never was in it."""
    before, after = _before(change), _after(change)
    was_in = before is not None and matches(where, before)
    is_in = after is not None and matches(where, after)
    if is_in:
        return Effect.UPDATED if was_in else Effect.ENTERED
    return Effect.LEFT if was_in else None


def _after(change: Change) -> ItemRead | None:
    return None if change.state is None else log.revive(ItemRead, change.state)


def _before(change: Change) -> ItemRead | None:
    """Return the state before: the state after with the former values; of what was deleted, all of them."""
    if change.kind is ChangeKind.CREATED:
        return None
    return log.revive(ItemRead, {**(change.state or {}), **change.changed})


def _due(item: ItemRead, holds: Callable[[datetime], bool]) -> bool:
    return item.due_at is not None and holds(item.due_at)
