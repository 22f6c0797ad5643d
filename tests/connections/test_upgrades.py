"""An `Upgrade` to anything but WebSocket is ignored, and the request served as it is (RFC 9110, section 7.8)."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from tests.connections.wire import HANDSHAKE, exchange, post, wire
from tests.live import LiveServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA"
ASK = json.dumps({"query": "{ __typename }"}).encode()
ANSWER = b'{"data":{"__typename":"Query"}}'
CHUNKS = b"%x\r\n%b\r\n0\r\n\r\n" % (len(ASK), ASK)
NEXT = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
HEALTHY = b'{"status":"healthy"}'

JAVA = """
import java.net.URI;
import java.net.http.*;
public class Ask {
    public static void main(String[] arguments) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(arguments[0] + "/graphql"))
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString("{\\"query\\": \\"{ __typename }\\"}")).build();
        System.out.print(HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body());
    }
}
"""


@pytest.mark.parametrize(
    "upgrade", [H2C, b"Connection: Upgrade\r\nUpgrade: websocket", b"Connection: upgrade\r\nUpgrade: TLS/1.0"]
)
@pytest.mark.parametrize("together", [True, False])
async def test_the_body_is_read_and_the_connection_goes_on(server: LiveServer, upgrade: bytes, together: bool) -> None:
    head = post("/graphql", b"", upgrade, length=len(ASK))
    async with wire(server.url) as connection:
        await connection.send(head + ASK + NEXT if together else head)
        if not together:
            await exchange(server.url, NEXT)  # By now the server has read the head.
            await connection.send(ASK + NEXT)
        answers = await connection.rest()

    assert answers.count(b"HTTP/1.1 200 OK") == 2
    assert answers.index(ANSWER) < answers.index(HEALTHY)


async def test_a_body_in_chunks_is_read_too(server: LiveServer) -> None:
    head = post("/graphql", b"", H2C).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")

    answers = await exchange(server.url, head + CHUNKS + NEXT)

    assert answers.index(ANSWER) < answers.index(HEALTHY)


async def test_a_request_without_a_body_is_answered_once(server: LiveServer) -> None:
    answers = await exchange(server.url, b"GET /health HTTP/1.1\r\nHost: x\r\n" + H2C + b"\r\n\r\n" + NEXT)

    assert answers.count(HEALTHY) == 2


async def test_a_websocket_is_still_one_however_it_is_written(server: LiveServer) -> None:
    for connection, upgrade in (
        (b"keep-alive, UPGRADE", b"WebSocket"),
        (b"Upgrade\r\nConnection: close", b"websocket"),
    ):
        head = HANDSHAKE.replace(b"Connection: Upgrade", b"Connection: " + connection)
        async with wire(server.url) as socket:
            await socket.send(head.replace(b"Upgrade: websocket", b"Upgrade: " + upgrade) + b"\r\n")
            assert await socket.until(b"\r\n") == b"HTTP/1.1 101 Switching Protocols\r\n"


@pytest.mark.skipif(shutil.which("javac") is None, reason="there is no Java")
async def test_javas_client_gets_its_answer(server: LiveServer, tmp_path: Path) -> None:
    (tmp_path / "Ask.java").write_text(JAVA)

    java = await asyncio.create_subprocess_exec(
        "java", "-XX:TieredStopAtLevel=1", "Ask.java", server.url, cwd=tmp_path, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await asyncio.wait_for(java.communicate(), 60)

    assert output == ANSWER
