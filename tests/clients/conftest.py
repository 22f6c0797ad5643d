"""Fixtures for the tests with real clients."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.clients.node import NodeClient, run_once, running
from tests.clients.packages import PackageError, go_without, packages_folder
from tests.live import LiveServer, serve

APP = "https://app.example"
"""The one foreign origin that may open sockets at the shared server."""

MOST = 3
"""So many operations run on a socket of the shared server, and a user has so many sockets, at most."""

StartNode = Callable[[str], AbstractAsyncContextManager[NodeClient]]
RunNode = Callable[..., Any]


@pytest.fixture
def packages() -> Path:
    """The npm packages of the tests."""
    try:
        return packages_folder()
    except PackageError as error:
        go_without(error)


@pytest.fixture
def start_node(tmp_path: Path, packages: Path) -> StartNode:
    """A function that runs one of the Node scripts around a block."""
    return lambda script: running(script, tmp_path, packages)


@pytest.fixture
def run_node(tmp_path: Path, packages: Path) -> RunNode:
    """A function that runs one of the Node scripts to its end and returns what it reports."""
    return lambda script, question: run_once(script, question, tmp_path, packages)


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server for all tests that neither kill it nor need settings of their own."""
    folder = tmp_path_factory.mktemp("shared")
    with asyncio.Runner() as runner:
        limits: dict[str, Any] = {"SOCKET_MAX_SUBSCRIPTIONS": str(MOST), "SOCKET_MAX_PER_USER": str(MOST)}
        serving = serve(None, folder, CORS_ORIGINS=APP, **limits)
        yield runner.run(serving.__aenter__())
        runner.run(serving.__aexit__(None, None, None))
