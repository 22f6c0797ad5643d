"""Operations that hypothesis makes up from the GraphQL schema: always a well-formed answer, never INTERNAL_ERROR."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from graphql import IntValueNode, StringValueNode
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis_graphql import mutations, queries

from api.core.errors import ErrorCode
from tests.conftest import client_of, make_settings, running
from tests.doors.people import World, make_world
from tests.doors.rows import put_back_sessions, take_rows

SDL = (Path(__file__).parents[2] / "graphql_schema" / "schema.graphql").read_text(encoding="utf-8")
EXAMPLES = {"sqlite": 40, "postgresql": 10}
SEED = 20260801


def text_nodes(values: st.SearchStrategy[str]) -> st.SearchStrategy[StringValueNode]:
    return values.map(lambda value: StringValueNode(value=value))


def scalars(known: list[UUID]) -> dict[str, st.SearchStrategy[Any]]:
    """Return literals of our scalars: mostly sound, so that operations get past the parser, some not."""
    identities = st.sampled_from([str(one) for one in known]) | st.uuids().map(str) | st.just("nobody")
    return {
        "ID": text_nodes(identities),
        "DateTime": text_nodes(st.datetimes().map(lambda moment: f"{moment.isoformat()}Z") | st.just("tomorrow")),
        "BigInt": st.integers(-1, 2**53).map(lambda number: IntValueNode(value=str(number))),
        "JSON": text_nodes(st.text(max_size=5)),
    }


class Target:
    """A running application with people in it, on an event loop of its own."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self.runner = asyncio.Runner()
        # Made-up operations are large; the limits have tests of their own.
        self._running = running(
            make_settings(
                database_url,
                folder,
                log_level="error",
                graphql_max_cost=10**6,
                graphql_max_tokens=10**5,
                graphql_max_aliases=1000,
                graphql_max_depth=30,
            )
        )
        self.app = self.runner.run(self._running.__aenter__())
        self.client = client_of(self.app)
        self.world: World = self.runner.run(make_world(self.app))
        self.rows = self.runner.run(take_rows(self.app))

    def send(self, query: str, token: str) -> dict[str, Any]:
        """Send an operation and return the answer, once its form proved good."""
        # The one before may have signed everybody out.
        self.runner.run(put_back_sessions(self.app, self.rows))
        response = self.runner.run(
            self.client.post("/graphql", json={"query": query}, headers={"Authorization": f"Bearer {token}"})
        )
        assert response.headers["content-type"] == "application/json"
        assert response.status_code == 200
        answer: dict[str, Any] = response.json()
        assert set(answer) <= {"data", "errors"}
        assert "data" in answer
        for error in answer.get("errors", []):
            assert set(error) <= {"message", "locations", "path", "extensions"}
            assert set(error["extensions"]) == {"code", "details", "request_id"}
            assert error["extensions"]["code"] in set(ErrorCode)
            assert error["extensions"]["code"] != "INTERNAL_ERROR", error
            assert error["extensions"]["request_id"] == response.headers["x-request-id"]
        return answer

    def close(self) -> None:
        """End the application and its loop."""
        self.runner.run(self.client.aclose())
        self.runner.run(self._running.__aexit__(None, None, None))
        self.runner.close()


@pytest.fixture
def target(database_url: str, tmp_path: Path) -> Iterator[Target]:
    """The application under fire."""
    target = Target(database_url, tmp_path)
    yield target
    target.close()


@pytest.mark.parametrize("kind", [queries, mutations], ids=["queries", "mutations"])
def test_no_operation_finds_an_internal_error(target: Target, request: pytest.FixtureRequest, kind: Any) -> None:
    world = target.world
    known = [world.workspace, world.editor.id, world.viewer.id, world.editor.home]
    tokens = st.sampled_from([world.editor.token, world.admin.token, world.administrator.token])
    examples = EXAMPLES["sqlite" if "sqlite" in request.node.callspec.id else "postgresql"]
    codes: set[str | None] = set()

    @seed(SEED)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(query=kind(SDL, custom_scalars=scalars(known)), token=tokens)
    def fire(query: str, token: str) -> None:
        errors = target.send(query, token).get("errors", [])
        codes.update(error["extensions"]["code"] for error in errors)
        if not errors:
            codes.add(None)

    fire()
    # What was made up did get as far as the services.
    assert codes - {"BAD_REQUEST", "VALIDATION_ERROR"}
