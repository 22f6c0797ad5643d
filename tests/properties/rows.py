"""Items and texts as hypothesis makes them up."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from db.models import Item, ItemStatus
from tests.properties.conftest import Ground

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)

# Letters whose folded form is longer, shorter or somebody else's; what SQL patterns and JSON mean by themselves.
ODD = "aAbßẞſsİıIKkΣσςﬃǅé\u0301é_%\\'\"[],. \n\u2028𝔘🌱"

texts = st.text(st.sampled_from(ODD), max_size=6)
lines = texts.map(str.strip).filter(bool)
moments = st.integers(0, 4).map(lambda days: BEGIN + timedelta(days=days)) | st.datetimes(
    timezones=st.just(UTC), allow_imaginary=False
)


@st.composite
def values(draw: st.DrawFn) -> dict[str, Any]:
    """Make up the columns of one item."""
    return {
        "title": draw(lines),
        "description": draw(texts),
        "status": draw(st.sampled_from(ItemStatus)),
        "priority": draw(st.integers(0, 4)),
        "tags": draw(st.lists(lines, max_size=3, unique=True)),
        "due_at": draw(st.none() | moments),
        "created_at": draw(moments),
        "updated_at": draw(moments),
        "deleted_at": draw(st.sampled_from([None, None, None, BEGIN])),
        "owned": draw(st.booleans()),
        "assigned": draw(st.booleans()),
    }


def to_item(ground: Ground, given: dict[str, Any]) -> Item:
    """Make the item of those columns."""
    columns = {name: value for name, value in given.items() if name not in ("owned", "assigned")}
    return Item(
        workspace_id=ground.workspace,
        owner_id=ground.editor if given["owned"] else ground.other,
        assignee_id=ground.other if given["assigned"] else None,
        **columns,
    )


def modest(examples: int) -> settings:
    """Return settings for properties on a database: no deadline, and as many examples as time allows."""
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
