"""What all the streams of a user cost together is limited, over every transport."""

from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.chaos.waiting import until
from tests.conftest import AppFactory
from tests.doors.people import World, make_world
from tests.streams.transport import GRAPHQL_TRANSPORTS, StreamEnd, served, subscribed, watching

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

# Each differs from the others in an alias, and costs the same.
DOCUMENT = """subscription($w: UUID!) { itemChanges(workspaceId: $w) {
  seq kind item { ALIAS: messages(first: 30) { nodes { id author { id name } } } }
} }"""


def document(alias: str) -> str:
    return DOCUMENT.replace("ALIAS", alias)


async def refusal(transport: str, url: str, world: World, alias: str = "a", token: str | None = None) -> StreamEnd:
    """Return how one more subscription is refused."""
    who = token or world.viewer.token
    async with subscribed(transport, url, who, document(alias), w=str(world.workspace)) as stream:
        return await stream.end()


@pytest.mark.parametrize("transport", GRAPHQL_TRANSPORTS)
async def test_streams_that_cost_too_much_together_are_refused_and_others_go_on(
    make_app: AppFactory, transport: str
) -> None:
    strict = await make_app(streams_max_cost_per_user=2)
    world = await make_world(strict)
    async with served(strict) as url:
        alone = await refusal(transport, url, world)
    cost = alone.details["actual"]
    # Nothing makes room for what is too much by itself, so nobody need try again.
    assert (alone.code, alone.details) == ("QUERY_TOO_COMPLEX", {"limit": "cost", "maximum": 2, "actual": cost})
    assert cost > 30

    most = 2 * cost + 1
    app = await make_app(streams_max_cost_per_user=most)

    def mine(alias: str, token: str) -> Any:
        return subscribed(transport, url, token, document(alias), w=str(world.workspace))

    async with served(app) as url, AsyncExitStack() as stack:
        rest = await stack.enter_async_context(watching("rest_sse", url, world.viewer.token, world.workspace))
        assert (await rest.next()).kind == "ready"
        for alias in ("a", "b"):
            stream = await stack.enter_async_context(mine(alias, world.viewer.token))
            assert (await stream.next()).kind == "ready"
        end = await refusal(transport, url, world, "c")
        expected = {"limit": "cost", "maximum": most, "actual": most + cost}
        assert (end.code, end.details) == ("RATE_LIMITED", expected)
        assert str(most) in end.message
        async with watching("rest_sse", url, world.viewer.token, world.workspace) as another:
            end = await another.end()
        assert (end.code, end.details) == ("RATE_LIMITED", {"limit": "cost", "maximum": most, "actual": most + 1})
        assert len(list(app.state.hub.streams())) == 3
        async with mine("c", world.editor.token) as somebodys:
            assert (await somebodys.next()).kind == "ready"
        await rest.source.aclose()

        async def is_gone() -> bool:
            own = [stream for stream in app.state.hub.streams() if stream.user_id == world.viewer.id]
            return len(own) == 2

        await until(is_gone)
        # What ended makes room.
        async with watching("rest_sse", url, world.viewer.token, world.workspace) as another:
            assert (await another.next()).kind == "ready"
