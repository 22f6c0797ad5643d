"""Hostile bytes on a bare connection, below all that an HTTP client would let its user send."""

from collections.abc import Iterator

HEAD = b"Host: twofold.test\r\n"
QUERY = b'{"query":"{ me { id } }"}'


def attacks() -> Iterator[tuple[str, bytes]]:
    """Go through all of them: a name, and what is sent before the connection is left alone."""
    yield "no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 50
    yield "an HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    yield "no version", b"GET /health\r\n\r\n"
    yield "a strange version", b"GET /health HTTP/9.9\r\n" + HEAD + b"\r\n"
    yield "no host", b"GET /health HTTP/1.1\r\n\r\n"
    yield "a whole address", b"GET http://twofold.test/health HTTP/1.1\r\n" + HEAD + b"\r\n"
    yield "a tunnel", b"CONNECT example.com:443 HTTP/1.1\r\n" + HEAD + b"\r\n"
    yield "a long line", b"GET /" + b"a" * 300_000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n"
    yield "a long header", b"GET /health HTTP/1.1\r\n" + HEAD + b"X: " + b"a" * 300_000 + b"\r\n\r\n"
    yield "many headers", b"GET /health HTTP/1.1\r\n" + HEAD + b"X: a\r\n" * 50_000 + b"\r\n"
    yield "a folded header", b"GET /health HTTP/1.1\r\n" + HEAD + b"X: a\r\n b\r\n\r\n"
    yield "a header without name", b"GET /health HTTP/1.1\r\n" + HEAD + b": a\r\n\r\n"
    yield "line feeds alone", b"GET /health HTTP/1.1\nHost: twofold.test\n\n"
    yield "NUL in a header", b"GET /health HTTP/1.1\r\n" + HEAD + b"X: a\x00b\r\n\r\n"
    for length in (b"-1", b"+5", b"0x5", b"5, 5", b"99999999999999999999", b"", b"five"):
        yield f"length {length.decode()!r}", _post(b"Content-Length: " + length, QUERY)
    yield "two lengths", _post(b"Content-Length: 5\r\nContent-Length: 25", QUERY)
    yield (
        "a length and chunks",
        _post(b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"19\r\n" + QUERY + b"\r\n0\r\n\r\n"),
    )
    yield "two encodings", _post(b"Transfer-Encoding: gzip, chunked", b"19\r\n" + QUERY + b"\r\n0\r\n\r\n")
    yield "a chunk of no size", _post(b"Transfer-Encoding: chunked", b"zz\r\n" + QUERY)
    yield "a chunk too large", _post(b"Transfer-Encoding: chunked", b"ffffffffffffffff\r\n" + QUERY)
    yield "chunks of one byte", _post(b"Transfer-Encoding: chunked", b"1\r\n{\r\n" * 20_000)
    yield "an extension without end", _post(b"Transfer-Encoding: chunked", b"1;" + b"a" * 300_000)
    yield (
        "trailers",
        _post(b"Transfer-Encoding: chunked", b"19\r\n" + QUERY + b"\r\n0\r\n" + b"X: a\r\n" * 30_000 + b"\r\n"),
    )
    yield "hung up in a body", _post(b"Content-Length: 1000", b'{"query":')
    yield (
        "hung up in a REST body",
        b"POST /api/users HTTP/1.1\r\n" + HEAD + b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
    )
    yield "expected to go on", _post(b"Content-Length: 25\r\nExpect: 100-continue", QUERY)
    yield "expected something else", _post(b"Content-Length: 25\r\nExpect: tea", QUERY)
    yield (
        "an upgrade to HTTP/2",
        _post(
            b"Content-Length: 25\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA",
            QUERY,
        ),
    )
    yield "an upgrade to nothing", _post(b"Content-Length: 25\r\nConnection: upgrade\r\nUpgrade: nonsense", QUERY)
    yield "many requests at once", (b"GET /health HTTP/1.1\r\n" + HEAD + b"\r\n") * 500
    yield (
        "a socket without key",
        b"GET /graphql HTTP/1.1\r\n" + HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    )
    yield "a socket of another version", _socket(b"Sec-WebSocket-Version: 1")
    yield "a socket without protocol", _socket(b"Sec-WebSocket-Version: 13")
    for name, frame in {
        "an unmasked frame": b"\x81\x02hi",
        "a reserved opcode": b"\x83\x80\x00\x00\x00\x00",
        "a frame without end": b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00",
        "text that is none": b"\x81\x82\x00\x00\x00\x00\xff\xff",
        "fragments without end": b"\x01\x81\x00\x00\x00\x00a" + b"\x00\x81\x00\x00\x00\x00a" * 20_000,
        "a long ping": b"\x89\xfe\x00\x7e\x00\x00\x00\x00" + b"a" * 126,
        "pings without end": b"\x89\x80\x00\x00\x00\x00" * 20_000,
        "compressed without agreement": b"\xc1\x82\x00\x00\x00\x00hi",
        "a close of no code": b"\x88\x81\x00\x00\x00\x00a",
    }.items():
        yield name, _socket(b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: graphql-transport-ws") + frame


def _post(head: bytes, body: bytes) -> bytes:
    return b"POST /graphql HTTP/1.1\r\n" + HEAD + b"Content-Type: application/json\r\n" + head + b"\r\n\r\n" + body


def _socket(head: bytes) -> bytes:
    key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    return (
        b"GET /graphql HTTP/1.1\r\n"
        + HEAD
        + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
        + key
        + head
        + b"\r\n\r\n"
    )
