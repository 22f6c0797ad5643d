"""What a socket does with frames that are no messages, and with operations that are mistaken."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.doors.people import World
from tests.errors.captured_log import CapturedLog, captured_log
from tests.errors.socket import Socket, connected

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

LONG = "ä" * 5000
INIT = '{"type": "connection_init"}'
SUBSCRIBE = '{"type": "subscribe", "id": "1", "payload": {"query": "{ __typename }", "variables": %s}}'
NO_MESSAGES = {
    "nothing": "",
    "no JSON": "{",
    "a list": "[]",
    "text": '"ping"',
    "null": "null",
    "no type": "{}",
    "a type that is a list": '{"type": ["ping"]}',
    "a type that is an object": '{"type": {}}',
    "an unknown type": json.dumps({"type": LONG}),
    "what servers send": '{"type": "connection_ack"}',
    "brackets without end": "[" * 60_000,
    "nested objects": '{"a":' * 12_000,
    "NaN": SUBSCRIBE % '{"a": NaN}',
    "infinity": SUBSCRIBE % '{"a": -Infinity}',
    "a number beyond a double": SUBSCRIBE % '{"a": 1e999}',
    "400 digits": SUBSCRIBE % ('{"a": ' + "9" * 400 + "}"),
    "5,000 digits": SUBSCRIBE % ('{"a": ' + "9" * 5000 + "}"),
    "half of a pair": SUBSCRIBE % r'{"a": "\ud800"}',
    "half of a pair in a key": SUBSCRIBE % r'{"\udfff": 1}',
    "variables that are a list": SUBSCRIBE % "[]",
    "variables that are text": SUBSCRIBE % '"x"',
    "a payload that is a list": '{"type": "connection_init", "payload": []}',
    "an empty id": '{"type": "complete", "id": ""}',
    "an id that is a number": '{"type": "complete", "id": 1}',
    "no query": '{"type": "subscribe", "id": "1", "payload": {}}',
}
MISTAKES = {
    "an empty document": {"query": ""},
    "a comment alone": {"query": "# nothing"},
    "a fragment alone": {"query": "fragment F on Item { id }"},
    "a syntax error": {"query": "{ me {"},
    "half of a pair in a document": {"query": r'{ node(id: "\ud800") { id } }'},
    "a syntax error in a subscription": {"query": "subscription { changes("},
    "an unknown field": {"query": "{ colour }"},
    "an unknown operation": {"query": "query a { __typename }", "operationName": "b"},
    "an empty name": {"query": "query a { __typename }", "operationName": ""},
    "no name among several": {"query": "query a { __typename } query b { __typename }"},
    "an infinite number": {"query": "{ items(first: 1e999) { nodes { id } } }"},
    "deep brackets": {"query": "{ items(first: " + "[" * 900},
}


@pytest.fixture
def log(app: FastAPI) -> Iterator[CapturedLog]:
    """The log, in which nothing a client says leaves a trace of an error."""
    with captured_log() as log:
        yield log
        assert [line for line in log.lines if line["level"] not in ("info", "debug")] == []


@asynccontextmanager
async def opened(app: FastAPI, world: World) -> AsyncIterator[Socket]:
    """Open a socket with one subscription on it, which must go on."""
    async with connected(app) as socket:
        payload = {"Authorization": f"Bearer {world.viewer.token}"}
        await socket.send({"type": "connection_init", "payload": payload})
        assert await socket.receive() == {"type": "connection_ack"}
        query = f'subscription {{ changes(workspaceId: "{world.workspace}") {{ kind }} }}'
        await socket.send({"type": "subscribe", "id": "watch", "payload": {"query": query}})
        assert (await socket.receive())["payload"] == {"data": {"changes": {"kind": "READY"}}}
        yield socket


async def closed(socket: Socket) -> tuple[int, str]:
    """Return the code and the reason with which the socket is closed next."""
    message = await socket.from_app.get()
    assert message["type"] == "websocket.close"
    return message["code"], message["reason"]


@pytest.mark.parametrize("frame", NO_MESSAGES.values(), ids=NO_MESSAGES)
async def test_what_is_no_message_closes_the_socket_with_a_reason(app: FastAPI, log: CapturedLog, frame: str) -> None:
    for before in ((), (INIT,)):
        async with connected(app) as socket:
            for text in (*before, frame):
                await socket.to_app.put({"type": "websocket.receive", "text": text})
            if before:
                assert await socket.receive() == {"type": "connection_ack"}
            code, reason = await closed(socket)
            assert code == 4400
            assert 0 < len(reason.encode()) <= 123


async def test_binary_frames_close_the_socket(app: FastAPI, log: CapturedLog) -> None:
    for frame in ({"bytes": b"\xff"}, {"bytes": INIT.encode(), "text": None}, {"bytes": b""}):
        async with connected(app) as socket:
            await socket.to_app.put({"type": "websocket.receive", **frame})
            assert await closed(socket) == (4400, "A message must be text")


async def test_a_reason_is_cut_to_what_a_frame_can_carry(app: FastAPI, world: World) -> None:
    async with opened(app, world) as socket:
        for _ in range(2):
            await socket.send({"type": "subscribe", "id": LONG, "payload": {"query": watch(world)}})
        code, reason = await closed(socket)
    assert code == 4409
    assert reason == ("Subscriber for " + LONG).encode()[:123].decode(errors="ignore")


def watch(world: World) -> str:
    return f'subscription {{ changes(workspaceId: "{world.workspace}") {{ seq }} }}'


async def test_an_empty_payload_is_none_and_pings_need_no_greeting(app: FastAPI) -> None:
    async with connected(app) as socket:
        await socket.send({"type": "ping", "payload": None})
        assert await socket.receive() == {"type": "pong"}
        await socket.send({"type": "connection_init", "payload": None})
        assert await socket.receive() == {"type": "connection_ack"}
        await socket.send({"type": "pong", "payload": {"a": 1}, "more": []})
        await socket.send({"type": "connection_init"})
        assert (await closed(socket))[0] == 4429


@pytest.mark.parametrize("payload", MISTAKES.values(), ids=MISTAKES)
async def test_a_mistaken_operation_is_an_error_of_its_own_and_the_others_go_on(
    app: FastAPI, world: World, log: CapturedLog, payload: dict[str, Any]
) -> None:
    async with opened(app, world) as socket:
        await socket.send({"type": "subscribe", "id": "wrong", "payload": payload})
        refusal = await socket.receive()
        assert (refusal["type"], refusal["id"]) == ("error", "wrong")
        assert {error["extensions"]["code"] for error in refusal["payload"]} == {"BAD_REQUEST"}
        # Its id is free again, and the subscription still runs.
        await socket.send({"type": "subscribe", "id": "wrong", "payload": {"query": "{ __typename }"}})
        answer = {"type": "next", "id": "wrong", "payload": {"data": {"__typename": "Query"}}}
        assert await socket.receive() == answer
        assert await socket.receive() == {"type": "complete", "id": "wrong"}
        await socket.send({"type": "complete", "id": "watch"})
        await socket.send({"type": "complete", "id": "never begun"})
        await socket.send({"type": "ping"})
        assert await socket.receive() == {"type": "pong"}


async def test_the_same_mistakes_have_the_same_words_by_http_and_as_events(
    app: FastAPI, client: Any, world: World
) -> None:
    for name, payload in MISTAKES.items():
        async with opened(app, world) as socket:
            await socket.send({"type": "subscribe", "id": "wrong", "payload": payload})
            [said] = (await socket.receive())["payload"]
        answer = await client.post("/graphql", json=payload)
        stream = await client.post("/graphql", json=payload, headers={"Accept": "text/event-stream"})
        in_stream = stream.text.partition("data: ")[2].partition("\n")[0] or stream.text
        for body in (answer.json(), json.loads(in_stream if stream.is_success else stream.text)):
            [error] = body["errors"]
            assert error["message"] == said["message"], name
            assert error["extensions"]["code"] == said["extensions"]["code"] == "BAD_REQUEST"


async def test_a_socket_that_ends_in_the_middle_of_anything_leaves_no_trace(
    app: FastAPI, world: World, log: CapturedLog
) -> None:
    async with opened(app, world) as socket:
        for number in range(20):
            await socket.send({"type": "subscribe", "id": f"{number}", "payload": {"query": watch(world)}})
            await socket.send({"type": "complete", "id": f"{number}"})
        await socket.to_app.put({"type": "websocket.receive", "text": "{"})
        said: list[str] = []
        while "websocket.close" not in said:
            said.append((await socket.from_app.get())["type"])
        await socket.send({"type": "ping"})


async def test_a_stranger_says_little_at_once_and_nobody_much_out_of_turn(
    app: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[object] = []
    turn = app.state.pace.turn

    async def counted(caller: object) -> None:
        turns.append(caller)
        await turn(caller)

    monkeypatch.setattr(app.state.pace, "turn", counted)
    most = app.state.settings.anonymous_body_limit_bytes
    pong = json.dumps({"type": "pong", "payload": {"a": "x" * most}})
    async with opened(app, world) as socket:
        turns.clear()
        await socket.to_app.put({"type": "websocket.receive", "text": pong})
        await socket.send({"type": "ping"})
        assert await socket.receive() == {"type": "pong"}
        assert turns == [world.viewer.id]
    for before in ((), (INIT,)):
        async with connected(app) as socket:
            for text in (*before, pong):
                await socket.to_app.put({"type": "websocket.receive", "text": text})
            if before:
                assert await socket.receive() == {"type": "connection_ack"}
            assert await closed(socket) == (1009, "Sign in to send so much at once")


@pytest.mark.parametrize("payload", MISTAKES.values(), ids=MISTAKES)
async def test_a_mistake_reads_alike_over_every_transport(
    app: FastAPI, client: httpx.AsyncClient, world: World, payload: dict[str, Any]
) -> None:
    headers = {"Authorization": f"Bearer {world.viewer.token}"}
    answer = (await client.post("/graphql", json=payload, headers=headers)).json()
    stream = await client.post("/graphql", json=payload, headers={**headers, "Accept": "text/event-stream"})
    events = [line.removeprefix("data: ") for line in stream.text.splitlines() if line.startswith("data: {")]
    # What is no operation at all is no stream either.
    streamed = json.loads(events[0]) if events else stream.json()
    async with opened(app, world) as socket:
        await socket.send({"type": "subscribe", "id": "1", "payload": payload})
        told = await socket.receive()

    assert told["type"] == "error"
    for errors in (streamed["errors"], told["payload"]):
        assert [_said(error) for error in errors] == [_said(error) for error in answer["errors"]]


def _said(error: dict[str, Any]) -> dict[str, Any]:
    return {**error, "extensions": {**error["extensions"], "request_id": "any"}}
