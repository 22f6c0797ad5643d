"""One server for all that is sent to it here, with limits small enough to be reached soon."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.databases import sqlite_address
from tests.live import LiveServer, serve

LIMITS: dict[str, Any] = {
    "REQUEST_HEAD_SECONDS": "1",
    "REQUEST_HEAD_BYTES": "4096",
    "REQUEST_BODY_SECONDS": "1",
    "KEEP_ALIVE_SECONDS": "1",
    "BODY_LIMIT_BYTES": "8000",
    "CONNECTIONS_MAX_PER_ADDRESS": "4",
}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the server."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="session")
def address(folder: Path, sqlite_template: Path) -> str:
    """The address of the server's database."""
    return sqlite_address(folder, sqlite_template)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server(folder: Path, address: str) -> AsyncIterator[LiveServer]:
    """The server; whatever is sent to it, no traceback gets into its log."""
    async with serve(address, folder, **LIMITS) as server:
        yield server
        assert "Traceback" not in server.log.read_text()
        assert '"exception"' not in server.log.read_text()
