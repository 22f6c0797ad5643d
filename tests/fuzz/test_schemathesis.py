"""Requests that Schemathesis makes up from the OpenAPI document: every answer is one that the document knows."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.conftest import client_of, make_settings, running
from tests.doors.people import World, make_world
from tests.doors.rows import put_back_sessions, take_rows

CHECKS: Any = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = {"sqlite": 8, "postgresql": 2}
SEED = 20260801
ENDLESS = "/api/me/stream"
"""Whoever may ask for it gets an answer that does not end: what it tells is the subject of the tests of streams."""


schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")


class Target:
    """A running application and a client that is signed in, on an event loop of their own."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self.runner = asyncio.Runner()
        self._running = running(make_settings(database_url, folder, log_level="error"))
        self.app = self.runner.run(self._running.__aenter__())
        self.client: httpx.AsyncClient = client_of(self.app)
        self.world: World = self.runner.run(make_world(self.app))
        self.rows = self.runner.run(take_rows(self.app))

    def send(self, case: Any, token: str) -> httpx.Response:
        """Send a case as Schemathesis would, with a valid token."""
        # The one before may have signed its user out.
        self.runner.run(put_back_sessions(self.app, self.rows))
        parts = case.as_transport_kwargs(base_url="http://twofold.test")
        names = ("method", "url", "headers", "params", "json", "data", "files", "cookies")
        prepared: Any = requests.Request(
            **{name: parts[name] for name in names if parts.get(name) is not None}
        ).prepare()
        headers = {**prepared.headers, "Authorization": f"Bearer {token}"}
        request = self.client.request(prepared.method, prepared.url, headers=headers, content=prepared.body)
        return self.runner.run(request)

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


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_no_request_finds_an_answer_that_is_not_documented(
    target: Target, request: pytest.FixtureRequest, mode: GenerationMode
) -> None:
    document = schemathesis.openapi.from_dict(target.app.openapi())
    results: list[Any] = list(document.get_all_operations())
    operations = [result.ok() for result in results]
    assert len(operations) == sum(len(methods) for methods in target.app.openapi()["paths"].values())
    kind = "sqlite" if "sqlite" in request.node.callspec.id else "postgresql"
    # An editor writes; an administrator gets past the guards of the accounts.
    tokens = st.sampled_from([target.world.editor.token, target.world.administrator.token])

    for operation in operations:
        if operation.path == ENDLESS:
            continue
        if mode is GenerationMode.NEGATIVE and not {"parameters", "requestBody"} & set(operation.definition.raw):
            continue  # It takes nothing that could be wrong.

        @seed(SEED)
        @settings(
            max_examples=EXAMPLES[kind],
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode), token=tokens)
        def fire(case: Any, token: str) -> None:
            response = target.send(case, token)
            case.validate_response(response, checks=CHECKS)
            assert "x-request-id" in response.headers

        fire()
