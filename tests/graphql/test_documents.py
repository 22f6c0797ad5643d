"""Documents that are wrong: how much is said about it, where it says it is, and what finding that out may cost."""

import re
from typing import Any
from uuid import uuid4

import httpx
import pytest
from graphql import Source

from api.core.errors import AppError, ErrorCode
from api.services import users
from graphql_schema.execution.documents import IndexedSource
from tests.databases import sqlite_address
from tests.doors.people import World
from tests.graphql.asking import ask, read

BREAKS = ["\n", "\r\n", "\r", "\n\r", "\r\r\n\n"]


@pytest.fixture(params=["sqlite"])
def database_url(tmp_path: Any, sqlite_template: Any) -> str:
    """SQLite alone: what is wrong with a document is the same to every database."""
    return sqlite_address(tmp_path, sqlite_template)


async def test_validation_ends_after_ten_mistakes_and_says_so(client: httpx.AsyncClient, world: World) -> None:
    fields = " ".join(f"nope{number}" for number in range(120))
    answer = await ask(client, world.viewer.token, f"{{ {fields} }}")
    assert answer["data"] is None
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_REQUEST"}
    assert ["nope" in error["message"] for error in answer["errors"]] == [True] * 10 + [False]
    assert answer["errors"][-1]["message"].startswith("Too many validation errors")


async def test_an_answer_carries_a_hundred_errors_and_the_number_of_those_left_out(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nobody(*_: Any) -> Any:
        raise AppError(ErrorCode.NOT_FOUND, "Nobody is there.")

    monkeypatch.setattr(users, "get_users", nobody)
    copies = " ".join(f"a{number}: actor {{ id }}" for number in range(30))
    log = f"query($w: UUID!) {{ changes(workspaceId: $w) {{ nodes {{ seq {copies} }} }} }}"
    answer = await ask(client, world.viewer.token, log, w=str(world.workspace))
    entries = answer["data"]["changes"]["nodes"]
    assert [entry["seq"] for entry in entries] == [1, 2, 3, 4]
    *shown, last = answer["errors"]
    assert [error["extensions"]["code"] for error in shown] == ["NOT_FOUND"] * 100
    assert last["message"] == "Too many errors: 20 more are left out."
    assert last["extensions"]["code"] == "QUERY_TOO_COMPLEX"
    assert last["extensions"]["details"] == {"limit": "errors", "maximum": 100, "actual": 120}


def test_a_position_is_where_the_library_says_whatever_breaks_the_lines() -> None:
    text = "{".join(["", *BREAKS, "é", "", *reversed(BREAKS), "}"])
    ours, theirs = IndexedSource(text), Source(text)
    assert [ours.get_location(at) for at in range(len(text) + 1)] == [
        theirs.get_location(at) for at in range(len(text) + 1)
    ]


@pytest.mark.parametrize("line_break", BREAKS)
async def test_a_mistake_is_told_with_its_line_and_column(
    client: httpx.AsyncClient, world: World, line_break: str
) -> None:
    before = f"{line_break * 3}{{ me {{{line_break}  id "
    answer = await ask(client, world.viewer.token, f"{before}nope }} }}")
    lines = 1 + len(re.findall(r"\r\n|[\n\r]", before))
    assert [error["locations"] for error in answer["errors"]] == [[{"line": lines, "column": 6}]]


@pytest.mark.parametrize("wrong", ["nope", "item(id: $id) { id }"], ids=["unknown", "not found"])
async def test_a_text_is_gone_through_once_for_the_positions_of_all_errors(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    walks = 0

    class Counted:
        """A pattern that counts the texts it is let through."""

        def finditer(self, pattern: str, text: str) -> Any:
            nonlocal walks
            walks += 1
            return re.finditer(pattern, text)

    def walk(_source: Source, _position: int) -> Any:
        raise AssertionError("the text was gone through for one position")

    monkeypatch.setattr("graphql_schema.execution.documents.re", Counted())
    monkeypatch.setattr(Source, "get_location", walk)
    fields = " ".join(f"a{number}: {wrong}" for number in range(10))
    head = "query($id: UUID!)" if "$" in wrong else "query"
    text = f"{head} {{{BREAKS[0] * 500}{fields} }}"
    answer = await ask(client, world.viewer.token, text, id=str(uuid4()))
    assert len([error for error in answer["errors"] if error.get("locations")]) >= 10
    assert answer["errors"][0]["locations"][0]["line"] == 501
    assert walks == 1


async def test_an_error_of_a_field_asked_for_many_times_has_one_position(
    client: httpx.AsyncClient, world: World
) -> None:
    copies = "\n".join(["item(id: $id) { id }"] * 30)
    answer = await ask(client, world.viewer.token, f"query($id: UUID!) {{\n{copies} }}", id=str(uuid4()))
    [error] = answer["errors"]
    assert (error["extensions"]["code"], error["locations"]) == ("NOT_FOUND", [{"line": 2, "column": 1}])


async def test_equal_fields_are_compared_up_to_a_budget(client: httpx.AsyncClient, world: World) -> None:
    # Each pair of them is two steps of 5,000.
    assert 71 * 70 < 5_000 < 72 * 71
    token = world.viewer.token
    assert await read(client, token, "{ me { %s } }" % ("id " * 71)) == {"me": {"id": str(world.viewer.id)}}
    answer = await ask(client, token, "{ me { %s } }" % ("id " * 72))
    assert answer["data"] is None
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_REQUEST"]
