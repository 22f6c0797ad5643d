"""Cursors: what is made is read back, what is not made is refused, and pages add up to the list."""

import base64
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.core.cursors import decode_cursor, encode_cursor
from api.core.errors import AppError, ErrorCode
from api.core.pages import PageArguments
from api.schemas.items import ItemFilter, ItemSort
from api.services.items import list_items
from db.models import Item
from db.models.items import fold
from db.repositories.items import sort_by
from tests.properties.conftest import Ground
from tests.properties.rows import modest, moments, to_item, values

sorts = st.sampled_from(ItemSort)


@given(
    sorts,
    st.builds(
        Item,
        id=st.uuids(),
        title_key=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=200),
        priority=st.integers(0, 4),
        created_at=moments,
        updated_at=moments,
        due_at=st.none() | moments,
    ),
)
@modest(300)
def test_a_cursor_is_read_back_as_the_position_it_was_made_of(sort: ItemSort, item: Item) -> None:
    order = sort_by(sort)
    assert decode_cursor(order, encode_cursor(order, item)) == order.position(item)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.uuids().map(str) | moments.map(str),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def forge(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@given(
    sorts,
    st.text()
    | st.text("ABCabc019-_=")
    | st.binary().map(lambda data: base64.urlsafe_b64encode(data).decode())
    | json_values.map(forge)
    | st.builds(lambda sort, value, tie: forge([sort, value, tie]), sorts, json_values, json_values),
)
@example(ItemSort.DUE_ASC, forge(["due", "0001-01-01T00:00:00+01:00", "0" * 32]))
@example(ItemSort.PRIORITY_ASC, forge(["priority", 2**63, "0" * 32]))
@example(ItemSort.TITLE_ASC, forge(["title", "\ud800", "0" * 32]))
@modest(400)
def test_any_other_text_is_a_bad_request_or_a_position_that_fits(sort: ItemSort, text: str) -> None:
    order = sort_by(sort)
    code = value = None
    try:
        value, _ = decode_cursor(order, text)
    except AppError as error:
        code = error.code
    assert code is ErrorCode.BAD_REQUEST or isinstance(value, order.value_type) or (value is None and order.nullable)


def expected(items: list[Item], sort: ItemSort) -> list[Item]:
    """Sort in plain Python: by value and id, either way, those without a value at the end."""
    column = {"created": "created_at", "updated": "updated_at", "due": "due_at"}.get(sort.strip("-"), sort.strip("-"))

    def value(item: Item) -> Any:
        found = getattr(item, column)
        # Code points are what both databases compare.
        return [ord(letter) for letter in fold(found)] if isinstance(found, str) else found

    down = sort.startswith("-")
    full = [item for item in items if value(item) is not None]
    empty = [item for item in items if value(item) is None]
    return sorted(full, key=lambda item: (value(item), item.id), reverse=down) + sorted(
        empty, key=lambda item: item.id, reverse=down
    )


@given(rows=st.lists(values(), max_size=9), sort=sorts, size=st.integers(1, 5), skip=st.integers(0, 3))
@modest(40)
def test_pages_add_up_to_the_sorted_list_from_either_end(
    ground: Ground, rows: list[dict[str, Any]], sort: ItemSort, size: int, skip: int
) -> None:
    items = [to_item(ground, {**row, "deleted_at": None}) for row in rows]

    async def check() -> None:
        async with ground.undone(*items) as uow:

            async def page(**arguments: Any) -> Any:
                wanted = PageArguments(size, with_total=True, **arguments)
                found = await list_items(uow, ground.actor, ground.workspace, ItemFilter(), sort=sort, page=wanted)
                assert found.total == len(items)
                return found

            order = [item.id for item in expected(items, sort)]
            found = await page()
            forwards = [row.id for row in found.rows]
            while found.has_next:
                found = await page(after=encode_cursor(found.sort, found.rows[-1]))
                assert found.has_previous
                forwards += [row.id for row in found.rows]
            assert forwards == order

            found = await page(backwards=True)
            backwards = [row.id for row in found.rows]
            while found.has_previous:
                found = await page(backwards=True, before=encode_cursor(found.sort, found.rows[0]))
                assert found.has_next
                backwards = [row.id for row in found.rows] + backwards
            assert backwards == order

            assert [row.id for row in (await page(skip=skip)).rows] == order[skip : skip + size]

    ground.run(check())


def test_a_cursor_says_which_order_it_belongs_to() -> None:
    item = Item(title_key="a", priority=1)
    with pytest.raises(AppError, match="belongs to another order, not to -priority"):
        decode_cursor(sort_by("-priority"), forge(["priority", item.priority, "0" * 32]))
