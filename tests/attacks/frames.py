"""Hostile messages on a socket: what is sent after the handshake, text or bytes, one frame each."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from tests.attacks.requests import NONSENSE

Frame = str | bytes

INIT = "INIT"
"""Stands for a `connection_init` with the attacker's token."""

PING = '{"type": "ping"}'


def attacks() -> Iterator[tuple[str, Sequence[Frame]]]:
    """Go through all of them: a name, and the frames in their order."""
    yield "no JSON", [INIT, "{"]
    yield "silence broken by bytes", [b"\x00\xff"]
    yield "bytes after the greeting", [INIT, json.dumps({"type": "ping"}).encode()]
    yield "brackets without end", [INIT, "[" * 200_000]
    yield "braces without end", [INIT, '{"a":' * 100_000]
    yield "a number without end", [INIT, '{"type":"ping","payload":{"a":' + "9" * 200_000 + "}}"]
    for name, value in (
        ("NaN", "NaN"),
        ("infinity", "-Infinity"),
        ("a large number", "1e999"),
        ("a lone surrogate", '"\\ud800"'),
    ):
        yield name, [INIT, f'{{"type":"ping","payload":{{"a":{value}}}}}']
        yield (
            f"{name} as an id",
            [INIT, f'{{"type":"subscribe","id":{value},"payload":{{"query":"{{ me {{ id }} }}"}}}}'],
        )
        yield (
            f"{name} among variables",
            [
                INIT,
                f'{{"type":"subscribe","id":"1","payload":{{"query":"{{ me {{ id }} }}","variables":{{"a":{value}}}}}}}',
            ],
        )
    for kind in (*NONSENSE, "", "start", "connection_ack", "next", "error", "x" * 100_000, "\ud800"):
        yield f"a message of type {str(kind)[:10]!r}", [INIT, _message(type=kind)]
    for payload in NONSENSE:
        yield f"greeted with {payload!r}", [_message(type="connection_init", payload=payload), PING]
    yield "greeted twice", [INIT, INIT]
    yield "nothing but pings", [INIT, *[PING] * 300]
    yield "asked before greeting", [_subscribe({"query": "{ me { id } }"})]
    for id_ in (*NONSENSE, "", "x" * 100_000, "\ud800", "\x00"):
        yield f"an operation called {str(id_)[:10]!r}", [INIT, _subscribe({"query": "{ me { id } }"}, id_)]
    payloads: list[Any] = [
        *NONSENSE,
        {"query": None},
        {"query": 1},
        {"query": ""},
        {"query": "{"},
        {"query": "fragment A on User { id }"},
    ]
    payloads += [
        {"query": "{ me { id } }", name: value}
        for name in ("variables", "operationName", "extensions")
        for value in NONSENSE
    ]
    for number, payload in enumerate(payloads):
        yield f"payload {number}", [INIT, _subscribe(payload), _subscribe({"query": "{ me { id } }"}, "2")]
    yield (
        "one id twice",
        [
            INIT,
            *[
                _subscribe(
                    {
                        "query": f'subscription {{ changes(workspaceId: "{"0" * 8}-0000-7000-8000-{"0" * 12}") {{ seq }} }}'
                    }
                )
            ]
            * 2,
        ],
    )
    yield (
        "ended what never was",
        [
            INIT,
            _message(type="complete", id="x"),
            _message(type="complete"),
        ],
    )
    yield (
        "many documents at once",
        [
            INIT,
            *[_subscribe({"query": "{ me { items(first: 50) { nodes { id title } } } }"}, str(n)) for n in range(40)],
        ],
    )
    yield "many mistakes at once", [INIT, *[_subscribe({"query": "{ nosuch }"}, str(n)) for n in range(60)]]
    yield "line breaks without end", [INIT, _subscribe({"query": "\n" * 400_000 + "{ a b c d }"})]
    yield (
        "unknown input fields",
        [
            INIT,
            _subscribe(
                {
                    "query": "mutation($i: ItemCreate!) { createItem(input: $i) { id } }",
                    "variables": {"i": {f"f{n}": 1 for n in range(50_000)}},
                }
            ),
        ],
    )
    yield (
        "log-ins by alias",
        [
            INIT,
            _subscribe(
                {
                    "query": "mutation {"
                    + " ".join(
                        f'a{n}: login(input: {{email: "x@example.com", password: "y{n}"}}) {{ accessToken }}'
                        for n in range(30)
                    )
                    + "}"
                }
            ),
        ],
    )


def _message(**parts: Any) -> str:
    return json.dumps(parts)


def _subscribe(payload: Any, id_: Any = "1") -> str:
    return _message(type="subscribe", id=id_, payload=payload)
