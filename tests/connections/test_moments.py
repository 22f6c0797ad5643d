"""What a connection for HTTP does at moments that are too short to be met from outside."""

import asyncio
from typing import Any

from pydantic import SecretStr

from api.cli.command import server_config
from api.config import Settings
from api.server.connections import Connections
from api.server.http_connections import RequestProtocol
from tests.connections.unplugged import LIMITS, plug
from tests.connections.wire import post

GET = b"GET /health HTTP/1.1\r\nHost: twofold.test\r\n"


async def answer(_scope: Any, receive: Any, send: Any) -> None:
    """Answer as soon as the body is whole, or given up."""
    message = await receive()
    while message["type"] == "http.request" and message["more_body"]:
        message = await receive()
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


async def tasks_of(connection: RequestProtocol) -> None:
    """Let all requests of a connection come to their end."""
    async with asyncio.timeout(5):
        while connection.tasks:
            await asyncio.wait(set(connection.tasks))
            await asyncio.sleep(0)


async def test_after_a_fault_the_last_answer_is_followed_by_nothing_and_no_other_clock_runs() -> None:
    connection, transport = plug(RequestProtocol, answer)
    connection.data_received((GET + b"\r\n") * 3 + b"no HTTP\r\n\r\n")
    await tasks_of(connection)

    assert transport.written.count(b"HTTP/1.1 ") == 1
    assert transport.ends == ["eof"]
    # What still arrives is thrown away for some seconds: a clock for silence would reset the connection sooner.
    assert connection.timeout_keep_alive_task is None
    assert connection.server_state.total_requests == 1
    connection.data_received(GET + b"\r\n")
    connection.connection_lost(None)
    assert not connection.tasks


async def test_an_idle_connection_outlives_what_proxies_keep_for_the_next_request() -> None:
    settings = Settings(database_url="sqlite://", secret_key=SecretStr("x" * 32))
    # nginx (keepalive_timeout of an upstream) and the balancers of clouds let go after a minute.
    assert server_config(settings).timeout_keep_alive == 75
    assert server_config(settings.model_copy(update={"keep_alive_seconds": 3})).timeout_keep_alive == 3

    connection, transport = plug(RequestProtocol, answer, timeout_keep_alive=0)
    connection.data_received(GET + b"\r\n")
    await tasks_of(connection)
    async with asyncio.timeout(5):
        while not transport.ends:  # noqa: ASYNC110 - the transport tells nobody
            await asyncio.sleep(0)

    assert transport.ends == ["closed"]
    connection.connection_lost(None)


async def test_what_was_refused_is_counted_no_more_and_never_was_if_there_were_too_many() -> None:
    book = Connections(LIMITS)
    (first, _), (second, _) = plug(RequestProtocol, answer, book), plug(RequestProtocol, answer, book)
    for _ in range(2):
        third, transport = plug(RequestProtocol, answer, book)
        assert transport.written.startswith(b"HTTP/1.1 503 ")
        assert transport.ends == ["closed"]
        third.data_received(GET + b"\r\n")
        third.connection_lost(None)
        assert (book.open, third.tasks) == (2, set())

    for connection in (first, second):
        connection.connection_lost(None)
    assert (book.open, dict(book.by_network)) == (0, {})


async def test_a_half_body_is_held_until_the_client_hangs_up_or_others_need_the_room() -> None:
    book = Connections(LIMITS)
    (first, gone), (second, _) = plug(RequestProtocol, answer, book), plug(RequestProtocol, answer, book)
    first.data_received(post("/", b" " * 5000, length=9000))
    second.data_received(post("/", b" " * 2000, length=9000))
    second.data_received(b" " * 1000)
    assert book.body_bytes == 8000
    second.data_received(b" ")
    assert (book.body_bytes, gone.written[:13]) == (3001, b"HTTP/1.1 503 ")
    second.connection_lost(None)
    first.connection_lost(None)
    assert (book.body_bytes, book.bodies) == (0, {})
    for connection in (first, second):
        await tasks_of(connection)


async def test_who_takes_nothing_is_given_up_and_who_takes_little_is_not() -> None:
    connection, transport = plug(RequestProtocol, answer)
    connection.config.ws_ping_interval = 20.0
    for before, after, ends in ((9000, 8999, []), (8999, 8999, ["aborted"])):
        transport.waiting = before
        connection.pause_writing()
        transport.waiting = after
        connection._look()
        assert transport.ends == ends
        assert connection._looking is not None
        connection.resume_writing()
        assert connection._looking is None
    connection.pause_writing()
    connection.connection_lost(None)
    assert connection._looking is None


async def test_a_trusted_proxy_brings_the_connections_of_many() -> None:
    book = Connections(LIMITS)
    connections = [plug(RequestProtocol, answer, book, forwarded_allow_ips="192.0.2.1")[0] for _ in range(2)]
    assert (book.open, dict(book.by_network)) == (2, {})
    for connection in connections:
        connection.connection_lost(None)
    assert book.open == 0
