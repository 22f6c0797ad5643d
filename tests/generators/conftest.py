"""Fixtures for the tests with foreign generators: the tools, what they read, and a server for what they write."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.packages import PackageError, go_without, packages_folder
from tests.generators.tools import HERE, Workshop, python_tools
from tests.live import LiveServer, serve

ROOT = HERE.parents[1]


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """A folder with our two documents in it, and the generators at hand."""
    try:
        packages = packages_folder(HERE / "package.json")
        python = python_tools()
    except PackageError as error:
        go_without(error)
    (tmp_path / "node_modules").symlink_to(packages)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    shutil.copy(ROOT / "openapi.json", tmp_path)
    shutil.copy(ROOT / "graphql_schema" / "schema.graphql", tmp_path)
    return Workshop(tmp_path, python)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """One server for all clients."""
    with asyncio.Runner() as runner:
        serving = serve(None, tmp_path_factory.mktemp("generators"))
        yield runner.run(serving.__aenter__())
        runner.run(serving.__aexit__(None, None, None))
