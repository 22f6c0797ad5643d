"""Whoever asks for much at once has a budget, the same at both doors and on sockets, and is told what remains."""

import re
from itertools import pairwise
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from limits import RateLimitItem, parse

from api.core import budget
from api.core.budget import Budget
from api.core.counters import Counters
from tests.attempts.callers import ELSEWHERE, HERE, door_from
from tests.chaos.live_servers import RedisServer, require_redis_server
from tests.conftest import AppFactory, client_of
from tests.doors.door import Door, DoorError
from tests.doors.people import World, make_world
from tests.doors.refusals import refused
from tests.errors.socket import connected
from tests.graphql.asking import ask
from tests.live import NO_CERTIFICATES
from tests.streams.transport import served, sse_messages, watching
from tests.streams.writing import add_item, add_items

BUDGET = 10_000
ITEM_PRICE = 29
"""Itself, its 15 fields, five more for each 20,000 letters that a text may have, four more for a list of tags."""
WATCH = "subscription($w: ID!) { changes(workspaceId: $w) { seq kind item { id } } }"
NOW = 1_800_000_000.0 - 1_800_000_000.0 % 60 + 20
"""Twenty seconds into a window of a minute."""


@pytest.fixture
async def app(make_app: AppFactory, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """An application with a budget that is soon used up, in a minute that does not end."""
    at(monkeypatch, NOW)
    app: FastAPI = await make_app(rate_limits=True, budget=f"{BUDGET}/minute")
    return app


def at(monkeypatch: pytest.MonkeyPatch, moment: float) -> None:
    monkeypatch.setattr(budget, "time", lambda: moment)


async def spend_all(app: FastAPI, caller: Any, *, but: int = 0) -> None:
    """Let nothing remain, or so much."""
    books: Budget = app.state.budget
    balance = await books.spend(caller, 0)
    assert balance is not None
    await books.spend(caller, balance.remaining - but)


def remaining(response: httpx.Response) -> int:
    assert response.headers["ratelimit-policy"] == f'"budget";q={BUDGET};w=60'
    found = re.fullmatch(r'"budget";r=(\d+);t=40', response.headers["ratelimit"])
    assert found is not None
    return int(found[1])


async def test_what_remains_is_told_in_the_head_and_goes_down_by_what_is_asked_for(
    app: FastAPI, client: httpx.AsyncClient, world: World
) -> None:
    client.headers["Authorization"] = f"Bearer {world.viewer.token}"
    left = [remaining(await client.get("/api/items", params={"limit": limit})) for limit in (1, 1, 2, 100)]
    first, second, third = (before - after for before, after in pairwise(left))
    row = second - first
    assert (second, third) == (first + row, first + 99 * row)
    assert row == ITEM_PRICE
    assert BUDGET - left[0] == first
    # A page of the usual length costs as much as it may hold.
    default = remaining(await client.get("/api/items"))
    assert left[-1] - default == first + 19 * row


@pytest.mark.parametrize("limit", ["0", "-1", "1e9", "²", "9" * 5000, "many"])
async def test_what_is_no_size_costs_as_much_as_the_largest(
    client: httpx.AsyncClient, world: World, limit: str
) -> None:
    client.headers["Authorization"] = f"Bearer {world.viewer.token}"
    largest = BUDGET - remaining(await client.get("/api/messages", params={"limit": "100"}))
    answer = await client.get("/api/messages", params={"limit": limit})
    assert answer.status_code == 422
    assert BUDGET - remaining(answer) == 2 * largest


async def test_both_doors_spend_the_same_budget_in_the_same_units(
    app: FastAPI, client: httpx.AsyncClient, world: World
) -> None:
    client.headers["Authorization"] = f"Bearer {world.viewer.token}"
    one = BUDGET - remaining(await client.get("/api/users/me"))
    answer = await client.post("/graphql", json={"query": "{ items(first: 10) { nodes { id title } } }"})
    # One for the list, and ten times an item with two fields.
    assert remaining(answer) == BUDGET - one - (1 + 10 * 3)
    assert answer.json()["extensions"] == {"budget": {"limit": BUDGET, "remaining": remaining(answer), "reset": 40}}
    assert remaining(await client.get("/api/users/me")) == remaining(answer) - one


async def test_beyond_it_everything_is_refused_for_a_while_and_others_go_on(
    app: FastAPI, door: Door, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await spend_all(app, world.editor.id)
    heads: list[httpx.Headers] = []

    async def note(response: httpx.Response) -> None:
        heads.append(response.headers)

    door.client.event_hooks["response"] = [note]
    data = {"title": "Rake", "workspace_id": str(world.workspace)}
    for operation, arguments in (("list_workspaces", {}), ("create_item", {"data": data})):
        async with refused(door, "RATE_LIMITED") as refusal:
            await door.call(operation, token=world.editor.token, **arguments)
        assert refusal.details == {"limit": "budget", "maximum": BUDGET, "retry_after": 40}
        assert re.fullmatch(
            rf"This costs \d+, and your budget of {BUDGET} has 0 left\. Try again in 40 seconds\.", refusal.message
        )
        assert (heads[-1]["retry-after"], heads[-1]["ratelimit"]) == ("40", '"budget";r=0;t=40')
    await door.call("list_workspaces", token=world.viewer.token)
    at(monkeypatch, NOW + 40)
    await door.call("create_item", token=world.editor.token, data=data)


async def test_what_costs_too_much_takes_nothing_from_what_does_not(app: FastAPI, door: Door, world: World) -> None:
    await spend_all(app, world.viewer.id, but=300)
    for _ in range(3):
        async with refused(door, "RATE_LIMITED"):
            await door.call("list_items", token=world.viewer.token, limit=50)
    await door.call("list_items", token=world.viewer.token, limit=1)


async def test_what_costs_more_than_there_ever_is_is_not_told_to_wait(make_app: AppFactory) -> None:
    app = await make_app(rate_limits=True, budget="100/minute")
    world = await make_world(app)
    for kind in ("rest", "graphql"):
        door = door_from(HERE, app, kind)
        with pytest.raises(DoorError) as caught:
            await door.call("list_items", token=world.viewer.token, limit=100)
        details = caught.value.details
        assert (caught.value.code, "retry_after" in details) == ("QUERY_TOO_COMPLEX", False)
        assert (details["limit"], details["maximum"], details["actual"] > 100) == ("budget", 100, True)


async def test_who_is_not_signed_in_has_the_budget_of_its_address(app: FastAPI, door: Door) -> None:
    here, elsewhere = (door_from(address, app, door.name) for address in (HERE, ELSEWHERE))
    await spend_all(app, HERE)
    for token in (None, "no token"):
        async with refused(here, "RATE_LIMITED"):
            await here.call("get_me", token=token)
        async with refused(elsewhere, "UNAUTHENTICATED"):
            await elsewhere.call("get_me", token=token)


async def test_a_document_that_is_none_costs_as_well(app: FastAPI, client: httpx.AsyncClient, world: World) -> None:
    client.headers["Authorization"] = f"Bearer {world.viewer.token}"
    texts = (
        "{",
        "{ nothing }",
        "{ me { id } } { me { id } }",
        "{" + " me" * 3000 + "}",
        "subscription { changes }",
        WATCH,
    )
    left = [remaining(await client.post("/graphql", json={"query": text})) for text in texts]
    assert left == [BUDGET - number for number in range(1, len(texts) + 1)]


async def test_an_operation_that_is_refused_is_paid_as_one_that_was_read_in_vain(
    app: FastAPI, client: httpx.AsyncClient, world: World
) -> None:
    client.headers["Authorization"] = f"Bearer {world.viewer.token}"
    await spend_all(app, world.viewer.id, but=3)
    dear = {"query": "{ items(first: 10) { nodes { id } } }"}  # 21
    answers = [await client.post("/graphql", json=dear) for _ in range(5)]
    assert [remaining(answer) for answer in answers] == [2, 1, 0, 0, 0]
    sentences = [answer.json()["errors"][0]["message"].split(",")[0] for answer in answers]
    # Whoever has nothing left is refused before the text is read.
    assert sentences == ["This costs 21"] * 3 + ["This costs 1"] * 2


async def test_health_is_asked_for_nothing(client: httpx.AsyncClient) -> None:
    for path in ("/health", "/ready", "/openapi.json"):
        assert "ratelimit" not in (await client.get(path)).headers


async def test_operations_on_a_socket_pay_and_are_told_what_remains(app: FastAPI, world: World) -> None:
    async with connected(app) as socket:
        payload = {"Authorization": f"Bearer {world.viewer.token}"}
        await socket.send({"type": "connection_init", "payload": payload})
        assert (await socket.receive())["type"] == "connection_ack"
        ends = []
        for number in range(3):
            if number == 2:
                await spend_all(app, world.viewer.id)
            await socket.send({"id": f"{number}", "type": "subscribe", "payload": {"query": "{ me { id } }"}})
            ends.append(await socket.receive())
            if number < 2:
                assert (await socket.receive())["type"] == "complete"
    assert [end["payload"]["extensions"]["budget"]["remaining"] for end in ends[:2]] == [BUDGET - 2, BUDGET - 4]
    assert ends[2]["payload"][0]["extensions"]["code"] == "RATE_LIMITED"


async def test_a_stream_is_paid_for_as_it_opens_and_its_events_tell_only_themselves(app: FastAPI, world: World) -> None:
    async with connected(app) as socket:
        payload = {"Authorization": f"Bearer {world.viewer.token}"}
        await socket.send({"type": "connection_init", "payload": payload})
        assert (await socket.receive())["type"] == "connection_ack"
        variables = {"w": str(world.workspace)}
        await socket.send({"id": "1", "type": "subscribe", "payload": {"query": WATCH, "variables": variables}})
        assert (await socket.receive())["payload"].keys() == {"data"}
        await add_item(app, world)
        assert (await socket.receive())["payload"].keys() == {"data"}
    books: Budget = app.state.budget
    balance = await books.spend(world.viewer.id, 0)
    assert balance is not None
    # As it opens, and of the two events each: itself, three fields, and one of the item.
    assert balance.remaining == BUDGET - 3 * 5


class NotedCounters(Counters):
    """Counters that note how much they were told to add, each time they were asked."""

    def __init__(self) -> None:
        super().__init__(None, "test")
        self.added: list[int] = []

    async def add(self, limit: RateLimitItem, amount: int, *key: str) -> int:
        self.added.append(amount)
        return await super().add(limit, amount, *key)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_where_it_is_counted_is_asked_once_for_an_operation_and_never_for_an_event(
    app: FastAPI, client: httpx.AsyncClient, world: World
) -> None:
    counters = NotedCounters()
    app.state.budget = Budget(parse(f"{BUDGET}/minute"), counters)
    client.headers["Authorization"] = f"Bearer {world.viewer.token}"
    await ask(client, world.viewer.token, "{ me { id } }")
    assert counters.added == [2]
    async with served(app) as url:
        # An event of GraphQL is itself, four fields and one of the item; one of REST is one.
        for transport, price in (("socket", 6), ("graphql_sse", 6), ("rest_sse", 1)):
            counters.added.clear()
            async with watching(transport, url, world.viewer.token, world.workspace) as stream:
                begin = (await stream.next()).seq
                await add_items(app, world, 3)
                await stream.until(begin + 3)
            assert counters.added == [price]
            # The first event says that nothing happened yet; all four are paid with what is asked for next.
            await ask(client, world.viewer.token, "{ me { id } }")
            assert counters.added == [price, 4 * price + 2]
        # Who takes whatever there is, is read as an operation and then as a stream.
        counters.added.clear()
        anything = {"Accept": "application/json, text/event-stream", "Authorization": f"Bearer {world.viewer.token}"}
        body = {"query": WATCH, "variables": {"w": str(world.workspace)}}
        async with (
            httpx.AsyncClient(base_url=url, verify=NO_CERTIFICATES) as other,
            other.stream("POST", "/graphql", json=body, headers=anything) as response,
        ):
            assert response.headers["content-type"].startswith("text/event-stream")
            await anext(sse_messages(response))
        assert counters.added == [5]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_events_take_half_of_it_at_most_and_are_told_when_nothing_is_left(
    app: FastAPI, client: httpx.AsyncClient, world: World
) -> None:
    for _ in range(1000):
        app.state.budget.tell(world.viewer.id, 100)
    client.headers["Authorization"] = f"Bearer {world.viewer.token}"
    assert remaining(await client.post("/graphql", json={"query": "{ me { id } }"})) == BUDGET // 2 - 2
    async with served(app) as url, watching("socket", url, world.viewer.token, world.workspace) as stream:
        begin = (await stream.next()).seq
        await spend_all(app, world.viewer.id)
        await add_items(app, world, 2)
        assert [event.seq for event in await stream.until(begin + 2)] == [begin + 1, begin + 2]


async def test_without_rate_limits_there_is_none(make_app: AppFactory) -> None:
    app = await make_app(rate_limits=False, budget="1/hour")
    world = await make_world(app)
    async with client_of(app) as client:
        client.headers["Authorization"] = f"Bearer {world.viewer.token}"
        for _ in range(2):
            answer = await client.get("/api/items")
            assert (answer.status_code, "ratelimit" in answer.headers) == (200, False)
        assert "extensions" not in await ask(client, world.viewer.token, "{ me { id } }")


async def test_with_redis_all_processes_count_together() -> None:
    require_redis_server()
    redis, limit, caller = RedisServer(), parse("100/minute"), uuid4()
    async with redis.running():
        counters = [Counters(redis.url, "test") for _ in range(2)]
        one, other = (Budget(limit, each) for each in counters)
        spent = [await books.spend(caller, 40) for books in (one, other, one)]
        assert [(balance.remaining, balance.is_refused) for balance in spent if balance] == [
            (60, False),
            (20, False),
            (20, True),
        ]
        last = await other.spend(caller, 20)
        assert last is not None
        assert (last.remaining, last.is_refused) == (0, False)
        for each in counters:
            await each.close()
