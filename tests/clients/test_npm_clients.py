"""The npm packages `graphql-ws` and `graphql-sse` against a real server."""

from pathlib import Path

import pytest

from tests.clients.caller import calling, calling_anew
from tests.clients.conftest import MOST, StartNode
from tests.live import LiveServer, free_port, serve

GRAPHQL_WS = "graphql_ws.mjs"
GRAPHQL_SSE = "graphql_sse.mjs"
BOTH = pytest.mark.parametrize("script", [GRAPHQL_WS, GRAPHQL_SSE])

CHANGES = """subscription ($workspace: UUID!, $after: BigInt) {
  changes(workspaceId: $workspace, after: $after) { seq kind entity item { title owner { name } } }
}"""
RENEW = "mutation ($token: String!) { renewStream(token: $token) { expiresAt } }"
WHO_AM_I = "{ me { email } }"
NOWHERE = "00000000-0000-0000-0000-000000000000"


@BOTH
async def test_a_client_misses_nothing_and_sees_nothing_twice_when_the_server_is_killed(
    script: str, start_node: StartNode, sqlite_url: str, tmp_path: Path
) -> None:
    port = free_port()
    async with start_node(script) as node:
        async with serve(sqlite_url, tmp_path, port=port) as server, calling(server) as caller:
            start = await caller.seq()
            node.connect(server.url, caller.token)
            node.subscribe("log", CHANGES, workspace=caller.workspace)
            await node.reach("log", start)
            await caller.create_items("Rake", "Spade", "Hoe")
            await node.reach("log", start + 3)
            server.kill()
            await server.process.wait()
            await node.reconnect()  # in vain: nobody listens yet

        async with serve(sqlite_url, tmp_path, port=port) as server, calling(server) as caller:
            await caller.create_items("Trowel", "Shears", "Sieve")
            await node.reconnect()
            await node.reach("log", start + 6)
            await caller.create_items("Barrow")
            await node.reach("log", start + 7)
            server.kill()

        assert node.seqs("log") == list(range(start, start + 8))
        ready, *events = [result["data"]["changes"] for result in node.results("log")]
        assert ready == {"seq": start, "kind": "READY", "entity": None, "item": None}
        titles = ["Rake", "Spade", "Hoe", "Trowel", "Shears", "Sieve", "Barrow"]
        owner = {"name": "Administrator"}
        assert [event["item"] for event in events] == [{"title": title, "owner": owner} for title in titles]


@BOTH
async def test_answers_refusals_and_the_end_of_a_token_reach_the_client(
    script: str, start_node: StartNode, shared_server: LiveServer
) -> None:
    async with calling_anew(shared_server) as caller, start_node(script) as node:
        start = await caller.seq()
        node.connect(shared_server.url, caller.token_for(seconds=4), client="short")
        node.subscribe("log", CHANGES, client="short", workspace=caller.workspace)

        node.connect(shared_server.url, caller.token)
        node.subscribe("query", WHO_AM_I)
        assert await node.answered("query") == {"data": {"me": {"email": caller.email}}}
        node.subscribe("elsewhere", CHANGES, workspace=NOWHERE)
        assert await node.ended("elsewhere") == "NOT_FOUND"
        node.subscribe("ahead", CHANGES, workspace=caller.workspace, after=10**6)
        assert await node.ended("ahead") == "BAD_REQUEST"

        assert await node.ended("log") == "UNAUTHENTICATED"
        assert (node.seqs("elsewhere"), node.seqs("ahead"), node.seqs("log")) == ([], [], [start])


async def test_a_socket_with_a_renewed_token_outlives_one_without(
    start_node: StartNode, shared_server: LiveServer
) -> None:
    async with calling_anew(shared_server) as caller, start_node(GRAPHQL_WS) as node:
        start = await caller.seq()
        token = caller.token_for(seconds=4)
        for name in ("renewed", "abandoned"):
            node.connect(shared_server.url, token, client=name)
            node.subscribe(name, CHANGES, client=name, workspace=caller.workspace)
        node.subscribe("renewal", RENEW, client="renewed", token=caller.token)
        renewal = await node.answered("renewal")
        assert renewal == {"data": {"renewStream": {"expiresAt": caller.expires_at}}}

        assert await node.ended("abandoned") == "UNAUTHENTICATED"
        await caller.create_items("Rake")
        await node.reach("renewed", start + 1)
        assert node.seqs("renewed") == [start, start + 1]
        assert node.seqs("abandoned") == [start]
        node.subscribe("query", WHO_AM_I, client="renewed")
        assert await node.answered("query") == {"data": {"me": {"email": caller.email}}}


async def test_too_many_sockets_close_with_a_clear_code_and_too_many_subscriptions_are_refused_alone(
    start_node: StartNode, shared_server: LiveServer
) -> None:
    async with calling_anew(shared_server) as caller, start_node(GRAPHQL_WS) as node:
        start = await caller.seq()
        for name in ("first", "second", "third"):
            node.connect(shared_server.url, caller.token, client=name)
            node.subscribe(name, CHANGES, client=name, workspace=caller.workspace)
            await node.reach(name, start)
        node.connect(shared_server.url, caller.token, client="fourth")
        node.subscribe("fourth", CHANGES, client="fourth", workspace=caller.workspace)
        assert await node.failed("fourth") == {"code": 4429, "reason": "Too many sockets of this user"}

        for name in ("a", "b"):
            node.subscribe(name, CHANGES, workspace=caller.workspace)
            await node.reach(name, start)
        node.subscribe("c", CHANGES, workspace=caller.workspace)
        [refusal] = (await node.failed("c"))["errors"]
        assert refusal["message"] == f"Too many subscriptions on this socket, at most {MOST} allowed."
        assert refusal["extensions"]["code"] == "RATE_LIMITED"

        await caller.create_items("Rake")
        for name in ("first", "second", "third", "a", "b"):
            await node.reach(name, start + 1)
            assert node.seqs(name) == [start, start + 1]
        assert [node.seqs(name) for name in ("c", "fourth")] == [[], []]
