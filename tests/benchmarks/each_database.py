"""Running a benchmark on a new database of each kind."""

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests import databases

MANY_FILES = 16_384


def allow_many_files() -> None:
    """Let this process open as many files as a crowd of clients needs, where there is a limit to it."""
    import resource  # noqa: PLC0415 - there is none on Windows

    least, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY_FILES if most == resource.RLIM_INFINITY else min(most, MANY_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(least, wanted), most))


def on_each_database(work: Callable[[str, str, Path], Coroutine[Any, Any, None]]) -> None:
    """Run something with the kind of database, its address and a folder; it may open as many files as there are."""
    allow_many_files()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sqlite = databases.sqlite_address(folder, folder / "template.db")
        asyncio.run(work("sqlite", sqlite, folder))
        with databases.postgresql_address(uuid4().hex[:8]) as address:
            asyncio.run(work("postgresql", address, folder))
