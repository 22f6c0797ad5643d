"""Fixtures: a store of each kind."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from api.core.files.store import FileStore
from tests.files.s3.server import s3_server, url_of


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
