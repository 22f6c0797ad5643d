"""What many filtered streams of one workspace look through is prepared once for all of them."""

import pytest
from fastapi import FastAPI

from api.schemas.items import ItemFilter, ItemRead
from api.services.live import views
from api.services.live.views import View
from db.models.items import fold
from tests.doors.people import World
from tests.streams.writing import add_item

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def test_a_text_is_folded_once_for_all_that_search_in_it(
    app: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = ItemRead.model_validate(await add_item(app, world, "Große ΔX", description="d" * 1000))
    folded: list[str] = []

    def counted(text: str) -> str:
        folded.append(text)
        return fold(text)

    monkeypatch.setattr(views, "fold", counted)
    assert [View(ItemFilter(text=text)).shows(item) for text in ("GROSSE", "δx", "no such text")] == [True, True, False]
    assert [len(text) > 1000 for text in folded].count(True) == 1
