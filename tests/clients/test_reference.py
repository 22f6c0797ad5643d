"""What the reference implementations of the protocols say about us."""

import itertools
import json
from typing import Any

from graphql_schema.door.socket_messages import WITH_ID, WITHOUT_ID, read_message
from tests.clients.conftest import RunNode
from tests.live import LiveServer

ABSENT = object()
VALUES: tuple[Any, ...] = (ABSENT, None, "", "x", 0, 7, False, True, [], ["x"], {}, {"a": 1})
KINDS = (*WITHOUT_ID, *WITH_ID)


def with_fields(**choices: Any) -> dict[str, Any]:
    return {name: value for name, value in choices.items() if value is not ABSENT}


def corpus() -> list[Any]:
    """Return messages with every kind of value in every place."""
    messages: list[Any] = [value for value in VALUES if value is not ABSENT]
    messages += [with_fields(type=kind, id="1", payload={"query": "x"}) for kind in (*VALUES, "pause", "Ping", "ping ")]
    messages += [
        with_fields(type=kind, id=number, payload=payload)
        for kind, number, payload in itertools.product(KINDS, VALUES, VALUES)
    ]
    for name in ("query", "variables", "operationName", "extensions"):
        payloads = [{"query": "x", **with_fields(**{name: value})} for value in VALUES]
        messages += [{"type": "subscribe", "id": "1", "payload": payload} for payload in payloads]
    messages += [{"type": "subscribe", "id": "1", "payload": with_fields(query=value)} for value in VALUES]
    return messages


def is_message(value: Any) -> bool:
    try:
        read_message(json.dumps(value))
    except ValueError:
        return False
    return True


async def test_a_socket_takes_for_a_message_what_the_reference_takes_for_one(run_node: RunNode) -> None:
    messages = corpus()
    verdicts = await run_node("validate.mjs", messages)
    assert len(verdicts) == len(messages) > 700
    assert {True, False} == set(verdicts)
    for message, verdict in zip(messages, verdicts, strict=True):
        assert is_message(message) == verdict, message


async def test_the_audits_of_graphql_over_http_find_nothing_but_operations_by_get(
    run_node: RunNode, shared_server: LiveServer
) -> None:
    found = await run_node("audit.mjs", {"url": f"{shared_server.url}/graphql"})
    assert {(finding["status"], finding["id"]) for finding in found} == {
        ("notice", "5A70"),
        ("notice", "D6D5"),
        ("notice", "6A70"),
    }
