"""Running a benchmark on a new database of each kind."""

import asyncio
import resource
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests import databases


def on_each_database(work: Callable[[str, str, Path], Coroutine[Any, Any, None]]) -> None:
    """Run something with the kind of database, its address and a folder; it may open as many files as there are."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sqlite = databases.sqlite_address(folder, folder / "template.db")
        asyncio.run(work("sqlite", sqlite, folder))
        with databases.postgresql_address(uuid4().hex[:8]) as address:
            asyncio.run(work("postgresql", address, folder))
