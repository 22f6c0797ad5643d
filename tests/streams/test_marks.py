"""A filtered stream that passes over much tells how far it has come, so that it need not do so again."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from fastapi import FastAPI

from api.services.live import events
from tests.doors.people import World
from tests.streams.transport import TRANSPORTS, served, subscribed, watching
from tests.streams.writing import add_item, last_seq

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

MESSAGES = """subscription($w: UUID!, $after: BigInt) {
  messagePosted(workspaceId: $w, after: $after) { seq kind message { body } }
}"""


@pytest.fixture
async def url(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    monkeypatch.setattr(events, "MARK_AFTER", 3)
    async with served(app) as url:
        yield url


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_after_many_changes_that_do_not_concern_it_a_view_is_told_the_number(
    app: FastAPI, world: World, url: str, transport: str
) -> None:
    begin = await last_seq(app, world)
    where: Mapping[str, Any] = {"tag": "rare"}
    async with watching(transport, url, world.viewer.token, world.workspace, after=begin, where=where) as stream:
        for tags in ([], [], ["rare"], [], [], [], [], [], [], ["rare"]):
            await add_item(app, world, tags=tags)
        told = await stream.until(begin + 10)
    assert [(event.seq - begin, event.kind) for event in told] == [
        (3, "created"),
        (6, "ready"),
        (9, "ready"),
        (10, "created"),
    ]


async def test_the_room_is_told_too_and_can_be_resumed_there(app: FastAPI, world: World, url: str) -> None:
    begin = await last_seq(app, world)
    w = str(world.workspace)
    async with subscribed("socket", url, world.viewer.token, MESSAGES, w=w, after=begin) as stream:
        for _ in range(4):
            await add_item(app, world)
        mark = await stream.next()
    assert (mark.seq, mark.kind) == (begin + 3, "ready")
    async with subscribed("socket", url, world.viewer.token, MESSAGES, w=w, after=mark.seq) as stream:
        for _ in range(2):
            await add_item(app, world)
        assert (await stream.next()).seq == begin + 6
