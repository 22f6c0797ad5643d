"""Partial updates against a plain model: what is absent stays, null empties or is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api.schemas.items import ItemRead, ItemUpdate
from api.services.items import update_item
from db.models import ItemStatus
from tests.properties.conftest import Ground
from tests.properties.rows import lines, modest, moments, texts, to_item, values

NULLABLE = ("assignee_id", "due_at")
NOT_NULLABLE = ("title", "description", "status", "priority", "tags", "fields")

json_values = st.recursive(
    st.none() | st.booleans() | st.sampled_from([0, 1, 1.0, -0.0, 1e20, 10**20]) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(lines, inner, max_size=2),
    max_leaves=4,
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "title": lines,
    "description": texts,
    "status": st.sampled_from(ItemStatus).map(str),
    "priority": st.integers(0, 4),
    "tags": st.lists(lines, max_size=3),
    "fields": st.dictionaries(lines, json_values, max_size=2),
    "assignee_id": st.sampled_from([None, "other", "editor"]),
    "due_at": st.none() | moments.map(lambda moment: moment.isoformat()),
}
patches = st.lists(
    st.lists(st.sampled_from(sorted(FIELDS)), max_size=4, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: FIELDS[name] for name in names})
    ),
    max_size=5,
)


def state(item: Any) -> dict[str, Any]:
    return ItemRead.model_validate(item).model_dump(mode="json")


def canonical(name: str, value: Any) -> Any:
    """Return the value as reading shows it."""
    if name == "tags":
        return list(dict.fromkeys(value))
    if name == "due_at" and value is not None:
        return f"{value[:19]}.{value[20:26] if value[19] == '.' else '000000'}Z"
    return value


@given(row=values(), changes=patches)
@modest(60)
def test_updates_follow_a_plain_model(ground: Ground, row: dict[str, Any], changes: list[dict[str, Any]]) -> None:
    people = {"other": str(ground.other), "editor": str(ground.editor)}

    async def check() -> None:
        item = to_item(ground, {**row, "deleted_at": None})
        async with ground.undone(item) as uow:
            model = state(item)
            for change in changes:
                sent = {
                    name: people.get(value, value) if name == "assignee_id" else value for name, value in change.items()
                }
                data = ItemUpdate.model_validate_json(json.dumps(sent))
                after = state(await update_item(uow, ground.actor, item.id, data, expected_version=model["version"]))
                wanted = {**model, **{name: canonical(name, value) for name, value in sent.items()}}
                if json.dumps(wanted) != json.dumps(model):
                    wanted |= {"version": model["version"] + 1, "updated_at": after["updated_at"]}
                # As text: for Python, 1, 1.0 and True are equal.
                assert json.dumps(after) == json.dumps(wanted)
                model = after

    ground.run(check())


@given(names=st.lists(st.sampled_from(sorted(FIELDS)), min_size=1, unique=True))
@modest(50)
def test_null_is_not_absent(names: list[str]) -> None:
    nulls = dict.fromkeys(names)
    refused = {name for name in names if name in NOT_NULLABLE}
    if refused:
        with pytest.raises(ValidationError) as caught:
            ItemUpdate.model_validate(nulls)
        assert {error["loc"][0] for error in caught.value.errors()} == refused
    else:
        assert ItemUpdate.model_validate(nulls).model_fields_set == set(names) <= set(NULLABLE)
    assert ItemUpdate.model_validate({}).model_fields_set == set()
