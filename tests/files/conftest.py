"""Fixtures: a store of each kind."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from api.core.files.store import FileStore
from tests.conftest import client_of
from tests.doors.door import Door
from tests.doors.people import World
from tests.files.s3.server import s3_server, url_of
from tests.files.tus import Tus


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def s3_address() -> AsyncIterator[str]:
    """Where a server speaks S3."""
    async with s3_server() as address:
        yield address


@pytest.fixture
def files_url(s3_address: str) -> str:
    """What names an empty place in a bucket."""
    return url_of(s3_address, f"of-{uuid4().hex}")


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore:
    """An empty store of each kind."""
    url: str | None = request.getfixturevalue("files_url") if request.param == "s3" else None
    return FileStore(url, tmp_path / "files")


@pytest_asyncio.fixture
async def bearer(door: Door) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a token, who has at most a ticket."""
    async with client_of(door.app) as client:
        yield client


@pytest.fixture
def tus(client: httpx.AsyncClient, world: World) -> Tus:
    """A client of tus."""
    return Tus(client, world)
