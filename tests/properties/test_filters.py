"""Filters against a plain Python filter over the same rows, on both databases."""

from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from api.core.pages import PageArguments
from api.schemas.items import ItemFilter, ItemSort
from api.services.items import list_items
from db.models import Item, ItemStatus
from tests.properties.conftest import Ground
from tests.properties.rows import lines, modest, moments, to_item, values


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    """Make up one or two conditions."""
    possible = {
        "status": st.lists(st.sampled_from(ItemStatus), max_size=2),
        "owned": st.booleans(),
        "assigned": st.just(value=True),
        "tag": lines,
        "priority_from": st.integers(0, 4),
        "priority_to": st.integers(0, 4),
        "trashed": st.booleans(),
        "text": lines,
        **{f"{name}_{end}": moments for name in ("created", "updated", "due") for end in ("from", "to")},
    }
    names = draw(st.lists(st.sampled_from([*sorted(possible), "text", "tag"]), max_size=2, unique=True))
    return {name: draw(possible[name]) for name in names}


def to_filter(ground: Ground, where: dict[str, Any]) -> ItemFilter:
    given = {name: value for name, value in where.items() if name not in ("owned", "assigned")}
    if "owned" in where:
        given["owner_id"] = ground.editor if where["owned"] else ground.other
    if "assigned" in where:
        given["assignee_id"] = ground.other
    return ItemFilter(**given)


def fits(item: Item, where: ItemFilter) -> bool:
    """Decide as the documentation says it."""
    text = f"{item.title}\n{item.description}".casefold()
    return all(
        (
            (item.deleted_at is not None) == where.trashed,
            where.status is None or item.status in where.status,
            where.owner_id is None or item.owner_id == where.owner_id,
            where.assignee_id is None or item.assignee_id == where.assignee_id,
            where.tag is None or where.tag in item.tags,
            where.priority_from is None or item.priority >= where.priority_from,
            where.priority_to is None or item.priority <= where.priority_to,
            where.text is None or where.text.casefold() in text,
            *(
                _within(getattr(item, f"{name}_at"), getattr(where, f"{name}_from"), getattr(where, f"{name}_to"))
                for name in ("created", "updated", "due")
            ),
        )
    )


def _within(moment: Any, begin: Any, end: Any) -> bool:
    return (begin is None or (moment is not None and moment >= begin)) and (
        end is None or (moment is not None and moment < end)
    )


@given(
    rows=st.lists(values(), min_size=1, max_size=8),
    wheres=st.lists(conditions(), min_size=1, max_size=4),
    pick=st.integers(0, 7),
)
@modest(60)
def test_a_filter_keeps_what_a_plain_one_keeps(
    ground: Ground, rows: list[dict[str, Any]], wheres: list[dict[str, Any]], pick: int
) -> None:
    items = [to_item(ground, row) for row in rows]
    chosen = rows[pick % len(rows)]
    # Half of the search texts and tags are taken from a row, or hardly anything would ever fit.
    wheres = [
        *wheres,
        {"text": chosen["title"].swapcase().strip() or "x"},
        {"text": chosen["title"][-1:].strip() or "x"},
    ]
    wheres += [{"tag": tag} for tag in chosen["tags"]]

    async def check() -> None:
        async with ground.undone(*items) as uow:
            for given_ in wheres:
                where = to_filter(ground, given_)
                page = await list_items(
                    uow,
                    ground.actor,
                    ground.workspace,
                    where,
                    sort=ItemSort.CREATED_ASC,
                    page=PageArguments(100, with_total=True),
                )
                wanted = {item.id for item in items if fits(item, where)}
                event(f"kept some: {bool(wanted)}")
                assert {item.id for item in page.rows} == wanted, given_
                assert page.total == len(wanted)

    ground.run(check())
