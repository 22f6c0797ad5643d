"""What a filtered stream shows: which changes enter, stay in or leave the view of a filter."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from api.core.live import Effect
from api.schemas.items import ItemFilter, ItemRead
from api.services import log
from db.models import Change, ChangeKind
from db.models.items import fold


@lru_cache(maxsize=128)
def _searched(title: str, description: str) -> str:
    """Return the text that a search looks through: a long one takes half a millisecond to fold, once for everybody."""
    return fold(f"{title}\n{description}")


_TERMS: Mapping[str, Callable[[ItemRead, Any], bool]] = {
    "status": lambda item, value: item.status in value,
    "assignee_id": lambda item, value: item.assignee_id == (None if value == "none" else value),
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
    "text": lambda item, value: fold(value) in _searched(item.title, item.description),
}
"""The conditions of `list_items`, term by term the same as in its query."""


class View:
    """The set of items that `list_items` with a filter would list, and what changes do to it."""

    def __init__(self, where: ItemFilter) -> None:
        self._trashed = where.trashed
        given = ((name, getattr(where, name)) for name in _TERMS)
        self._conditions = [(_TERMS[name], value) for name, value in given if value is not None]

    def shows(self, item: ItemRead) -> bool:
        """Return whether the item is in the set."""
        if self._trashed != (item.deleted_at is not None):
            return False
        return all(holds(item, value) for holds, value in self._conditions)

    def effect_of(self, change: Change) -> Effect | None:
        """Return what a change of an item does to the set; None if it neither was in it nor is."""
        before, after = _states(change)
        was_in = before is not None and self.shows(before)
        if after is not None and self.shows(after):
            return Effect.UPDATED if was_in else Effect.ENTERED
        return Effect.LEFT if was_in else None


_States = tuple[ItemRead | None, ItemRead | None]
_known: WeakKeyDictionary[Change, _States] = WeakKeyDictionary()
"""The states around changes in the ring, which all subscribers of a workspace look at."""


def _states(change: Change) -> _States:
    """Return the item before and after a change."""
    found = _known.get(change)
    if found is None:
        after = None if change.state is None else log.revive(ItemRead, change.state)
        found = _known[change] = (_before(change), after)
    return found


def _before(change: Change) -> ItemRead | None:
    """Return the state before: the state after with the former values; of what was deleted, all of them."""
    if change.kind is ChangeKind.CREATED:
        return None
    return log.revive(ItemRead, {**(change.state or {}), **change.changed})


def _due(item: ItemRead, holds: Callable[[datetime], bool]) -> bool:
    return item.due_at is not None and holds(item.due_at)
