"""What a connection for HTTP may leave open: nothing for ever, and nothing without a size."""

import asyncio
import json
import re
from contextlib import AsyncExitStack, suppress

import httpx
import pytest

from api.core.addresses import network_of
from api.core.connection_limits import ConnectionLimits
from api.server.connections import Connections, room_for
from tests.connections.wire import HANDSHAKE, exchange, post, wire
from tests.live import LiveServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

GET = b"GET /health HTTP/1.1\r\nHost: twofold.test\r\n"
CHUNKED = post("/graphql", b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
MANY = 300_000

REFUSED = {
    "half a head": (GET, 408),
    "a head without end": (GET + b"X: y\r\n" * MANY, 431),
    "a header without end": (GET + b"X: " + b"y" * MANY, 431),
    "a large head in one piece": (GET + b"X: " + b"y" * 4096 + b"\r\n\r\n", 431),
    "blank lines without end": (b"\r\n" * MANY, 431),
    "an address without end": (b"GET /" + b"y" * MANY, 414),
    "half a body, REST": (post("/api/auth/login", b"{", length=100), 408),
    "half a body, GraphQL": (post("/graphql", b"{", length=100), 408),
    "a chunk's extension without end": (CHUNKED + b"1;" + b"y" * MANY, 431),
    "trailers without end": (CHUNKED + b"1\r\n{\r\n0\r\n" + b"X: y\r\n" * MANY, 431),
    "a trailer without end": (CHUNKED + b"1\r\n{\r\n0\r\nX:" + b"y" * MANY, 431),
    "chunks of one byte": (CHUNKED.replace(b"/graphql", b"/nothing") + b"1\r\n{\r\n" * MANY, 400),
    "a tunnel": (b"CONNECT twofold.test:443 HTTP/1.1\r\nHost: twofold.test\r\n\r\n", 501),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_has_no_end_is_refused_with_a_reason(server: LiveServer, case: str) -> None:
    sent, status = REFUSED[case]

    answer = await exchange(server.url, sent)

    assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:200]
    assert answer.count(b"HTTP/1.1") == 1
    assert b"connection: close\r\n" in answer


async def test_who_says_nothing_is_told_nothing(server: LiveServer) -> None:
    assert await exchange(server.url) == b""


async def test_a_slow_client_is_served_as_long_as_it_gets_on(server: LiveServer) -> None:
    body = json.dumps({"email": server.admin_email, "password": server.admin_password}).ljust(900).encode()
    async with wire(server.url) as connection:
        await connection.send(post("/api/auth/login", b"", b"Connection: close", length=len(body)))
        for begin in range(0, len(body), 100):
            await connection.send(body[begin : begin + 100])
            await asyncio.sleep(0.2)

        assert (await connection.rest()).startswith(b"HTTP/1.1 200 OK")


async def test_a_stream_whose_request_never_ends_is_cut(server: LiveServer) -> None:
    async with httpx.AsyncClient(base_url=server.url) as client:
        credentials = {"email": server.admin_email, "password": server.admin_password}
        token = (await client.post("/api/auth/login", json=credentials)).json()["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        [workspace] = (await client.get("/api/workspaces", headers=bearer)).json()["data"]
    head = (
        f"GET /api/workspaces/{workspace['id']}/changes/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
    )
    async with wire(server.url) as connection:
        await connection.send(f"{head}Content-Length: 5\r\n\r\n".encode())
        assert (await connection.until(b"\r\n")) == b"HTTP/1.1 200 OK\r\n"

        rest = b""
        with suppress(ConnectionResetError):
            rest = await connection.rest()
        assert b"HTTP/1.1" not in rest


async def test_requests_that_do_not_wait_for_answers_get_them_in_order_up_to_a_number(server: LiveServer) -> None:
    # Some seconds after the last one the connection is closed.
    def ask(number: int) -> bytes:
        return GET + b"X-Request-ID: %d\r\n\r\n" % number

    few = await exchange(server.url, b"".join(ask(number) for number in range(17)))
    many = await exchange(server.url, b"".join(ask(number) for number in range(1000)))

    assert re.findall(rb"x-request-id: (\d+)", few) == [b"%d" % number for number in range(17)]
    assert re.findall(rb"x-request-id: (\d+)", many) == [b"0"]


@pytest.mark.parametrize(
    ("head", "status"),
    [(GET + b"\r\n", 200), (post("/nothing", b"", b"Connection: close", length=10**9), 404)],
    ids=["requests", "a body"],
)
async def test_who_goes_on_sending_can_read_the_last_answer(server: LiveServer, head: bytes, status: int) -> None:
    # More than the server reads at once: closing on top of that would reset the connection, and lose the answer.
    async with wire(server.url) as connection:
        sending = asyncio.create_task(connection.send(head + (GET + b"\r\n") * 100_000))
        answer = await connection.rest()
        await sending

    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"HTTP/1.1") == 1


async def test_a_fault_after_a_request_lets_that_one_be_answered(server: LiveServer) -> None:
    answer = await exchange(server.url, GET + b"\r\n" + b"no HTTP\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b'{"status":"healthy"}')


async def test_a_trailer_is_no_header(server: LiveServer) -> None:
    sent = CHUNKED.replace(b"Content-Type: application/json\r\n", b"Connection: close\r\n")

    answer = await exchange(server.url, sent + b"2\r\n{}\r\n0\r\nContent-Type: application/json\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 415 ")


async def test_what_nobody_reads_is_not_read_for_ever(server: LiveServer) -> None:
    answer = await exchange(server.url, post("/nothing", b"", length=10**9), b"x" * 10**7)

    assert answer.startswith(b"HTTP/1.1 404 ")


async def test_half_bodies_do_not_pile_up_the_oldest_gives_way(server: LiveServer) -> None:
    async with AsyncExitStack() as stack:
        half = post("/api/auth/login", b" " * 7990, length=8000)
        wires = [await stack.enter_async_context(wire(server.url)) for _ in range(65)]
        for connection in wires:
            await connection.send(half)

        first = await wires[0].rest()
        last = await exchange(server.url, GET + b"Connection: close\r\n\r\n")

    assert first.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 2\r\n" in first
    assert last.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("path", ["/api/auth/login", "/graphql"])
async def test_who_hangs_up_during_the_body_leaves_a_line_and_no_error(server: LiveServer, path: str) -> None:
    name = path.replace("/", "-")
    async with wire(server.url) as connection:
        await connection.send(post(path, b"{", b"X-Request-ID: hang-up%b" % name.encode(), length=100))
        # A bystander's answer shows that the server has read what was sent before.
        await exchange(server.url, GET + b"Connection: close\r\n\r\n")

    async with asyncio.timeout(10):
        while f"hang-up{name}" not in server.log.read_text():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.02)
    [line] = [json.loads(line) for line in server.log.read_text().splitlines() if f"hang-up{name}" in line]
    assert (line["event"], line["status"], line["client"], line.get("errors")) == ("request", None, "127.0.0.1", None)


async def test_an_address_has_so_many_connections_at_once_sockets_included(server: LiveServer) -> None:
    async with AsyncExitStack() as stack:
        wires = [await stack.enter_async_context(wire(server.url, "127.0.0.2")) for _ in range(4)]
        await wires[0].send(HANDSHAKE + b"\r\n")
        assert await wires[0].until(b"\r\n") == b"HTTP/1.1 101 Switching Protocols\r\n"
        for connection in wires[1:]:
            await connection.send(GET + b"\r\n")
            await connection.until(b'{"status":"healthy"}')

        async with wire(server.url, "127.0.0.2") as fifth:
            assert (await fifth.rest()).startswith(b"HTTP/1.1 503 ")
        async with wire(server.url, "127.0.0.3") as of_another:
            await of_another.send(GET + b"\r\n")
            assert (await of_another.until(b"\r\n")) == b"HTTP/1.1 200 OK\r\n"

    # The last one is counted no more as soon as the server knows that it is over.
    async with asyncio.timeout(10):
        answer = b""
        while not answer.startswith(b"HTTP/1.1 200"):
            async with wire(server.url, "127.0.0.2") as again:
                await again.send(GET + b"Connection: close\r\n\r\n")
                with suppress(ConnectionError):
                    answer = await again.rest()


class Body:
    def __init__(self) -> None:
        self.gave_way = False

    def give_way(self) -> None:
        self.gave_way = True


async def test_the_book_counts_all_connections_and_those_of_proxies_among_them() -> None:
    book = Connections(ConnectionLimits(3, 2, 1, 1, 1, 100))

    assert [book.enter(who) for who in ("a", "a", "a", None, "b")] == [True, True, False, True, False]
    book.leave(None)
    book.leave("a")
    assert [book.enter("b"), book.enter("a"), book.enter(None)] == [True, True, False]
    assert (book.open, dict(book.by_network)) == (3, {"a": 2, "b": 1})


async def test_the_book_lets_whole_bodies_go() -> None:
    book = Connections(ConnectionLimits(9, 9, 1, 1, 1, 100))
    bodies = [Body() for _ in range(3)]

    book.hold(bodies[0], 60)
    book.release(bodies[0])
    book.hold(bodies[1], 60)
    book.hold(bodies[2], 40)
    assert [body.gave_way for body in bodies] == [False, False, False]
    book.hold(bodies[2], 1)

    assert [body.gave_way for body in bodies] == [False, True, False]
    assert (book.body_bytes, list(book.bodies)) == (41, [bodies[2]])


async def test_of_several_half_bodies_as_many_give_way_as_must() -> None:
    book = Connections(ConnectionLimits(9, 9, 1, 1, 1, 100))
    bodies = [Body() for _ in range(3)]
    for body, size in zip(bodies, (30, 30, 100), strict=True):
        book.hold(body, size)

    assert [body.gave_way for body in bodies] == [True, True, False]
    assert (book.body_bytes, book.bodies) == (100, {bodies[2]: 100})


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("a proxy's word", "unknown"),
    ],
)
async def test_whom_an_address_stands_for(address: str, network: str) -> None:
    assert network_of(address) == network


async def test_there_are_no_more_connections_than_files() -> None:
    assert room_for(10) == 10
    assert room_for(10**9) < 10**9


async def test_after_a_body_that_was_too_large_the_connection_serves_the_next_request(server: LiveServer) -> None:
    async with wire(server.url) as connection:
        for _ in range(2):
            await connection.send(post("/graphql", b"[" * 900_000))
            assert (await connection.until(b"\r\n")).split()[1] == b"413"
            await connection.until(b'"request_id":')
        await connection.send(GET + b"Connection: close\r\n\r\n")
        assert b"HTTP/1.1 200" in await connection.rest()
