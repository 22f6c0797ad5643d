"""The database as a file: its path, who may read it, and one sentence for every file that is none."""

import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.config import Settings
from api.core.actor import SYSTEM
from api.kept_secret import SettingsError
from api.services.users import has_users
from db import migrate
from db.engine import Database, normalise_url, sqlite_address
from tests.transfer.command import Ended, twofold

if sys.platform != "win32":
    import resource

ODD = "a b%20?mode=ro#d & ä'\".db"
WORKSPACE = "0198c0de-7a3f-7c21-9e55-0c2f4b6d8e10"


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let no file grow beyond a size, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def modes(folder: Path) -> dict[str, str]:
    return {path.name: oct(path.stat().st_mode & 0o777) for path in (folder, *folder.iterdir())}


def told(ended: Ended) -> str:
    """Return the one sentence of a command that refused."""
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.count("\n") == 1, ended.err
    return ended.err.removesuffix("\n")


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("sqlite:////srv/a.db", "/srv/a.db"),
        ("sqlite:///a.db", "a.db"),
        ("sqlite:////srv/a%20b?c#d.db", "/srv/a b?c#d.db"),
        ("sqlite:////srv/50%/a%zz.db", "/srv/50%/a%zz.db"),
        ("sqlite:////srv/a.db?mode=ro", "/srv/a.db?mode=ro"),
        ("sqlite:////srv/a+b c.db", "/srv/a+b c.db"),
        ("sqlite+aiosqlite:////srv/a%3Fb", "/srv/a?b"),
        ("sqlite:///:memory:", ":memory:"),
        ("sqlite://", None),
    ],
)
def test_what_follows_the_scheme_is_one_path(address: str, path: str | None) -> None:
    url = normalise_url(address)
    assert (url.drivername, url.database, dict(url.query)) == ("sqlite+aiosqlite", path, {})
    assert normalise_url(url.render_as_string()) == url


async def test_a_folder_of_any_name_holds_the_whole_installation_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / ODD
    settings = Settings(_env_file=None, data_dir=folder)
    with umask(0o022):
        database = Database(settings.database_address)
        await migrate.upgrade(database)
        settings.identity()
        async with database.read() as uow:
            assert not await has_users(uow, SYSTEM)
            assert modes(folder) == {
                ODD: "0o700",
                "secret_key": "0o600",
                **{f"twofold.db{end}": "0o600" for end in ("", "-wal", "-shm")},
            }
        await database.dispose()
    assert [path.name for path in tmp_path.iterdir()] == [ODD]


async def test_a_database_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "own.db"
    path.touch()
    path.chmod(0o640)
    database = Database(sqlite_address(path))
    await migrate.upgrade(database)
    await database.dispose()
    assert modes(tmp_path)["own.db"] == "0o640"


COMMANDS = {
    "serve": ["serve"],
    "migrate": ["migrate"],
    "create-admin": ["create-admin", "ada@example.com", "--password", "Analytical1"],
    "reset-two-step": ["reset-two-step", "ada@example.com"],
    "import": ["import", "-", "--format", "csv", "--workspace", WORKSPACE],
    "export": ["export", "--workspace", WORKSPACE],
}
ON_EACH = pytest.mark.parametrize("command", list(COMMANDS))


async def run(command: str, path: Path) -> Ended:
    """Run a command on a database file, or on the embedded one of a folder."""
    embedded = path.suffix == ".data"
    address, folder = ("", str(path)) if embedded else (sqlite_address(path), str(path.parent))
    return await twofold(
        *COMMANDS[command], SECRET_KEY="x" * 32, PORT="0", DATABASE_URL=address, DATA_DIR=folder, stdin=b""
    )


@ON_EACH
async def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path, command: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Buy seeds\n" * 100)
    assert told(await run(command, path)) == (
        f"The file {path} is no database, or a damaged one (file is not a database): restore a copy of it."
    )
    assert path.read_text() == "Buy seeds\n" * 100


@ON_EACH
async def test_a_truncated_database_is_one_sentence(tmp_path: Path, sqlite_url: str, command: str) -> None:
    path = tmp_path / "twofold.db"
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 3)
    assert told(await run(command, path)) == (
        f"The file {path} is no database, or a damaged one (database disk image is malformed): restore a copy of it."
    )


@ON_EACH
@pytest.mark.parametrize("embedded", [True, False])
async def test_a_database_of_a_newer_version_is_one_sentence(
    tmp_path: Path, sqlite_url: str, command: str, embedded: bool
) -> None:
    folder = tmp_path / "kept.data"
    folder.mkdir()
    path = folder / "twofold.db"
    shutil.copy(tmp_path / "twofold.db", path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    assert told(await run(command, folder if embedded else path)) == (
        "The database is at revision 9999, which this version of Twofold does not know: "
        "run the newer version that made it."
    )


@ON_EACH
async def test_a_folder_is_no_database(tmp_path: Path, command: str) -> None:
    assert told(await run(command, tmp_path)) == (
        f"The database file {tmp_path} cannot be used (unable to open database file): "
        "check its path, its permissions, and that the disk has room."
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--down", "nosuch"], "There is no revision nosuch: there are 0001, 0002,"),
        (["--to", "9999"], "There is no revision 9999: there are 0001, 0002,"),
        (["--down", "-99"], "Relative revision -99 didn't produce 99 migrations"),
    ],
)
async def test_a_revision_that_there_is_not_is_one_sentence(
    tmp_path: Path, sqlite_url: str, arguments: list[str], sentence: str
) -> None:
    assert told(await twofold("migrate", *arguments, DATABASE_URL=sqlite_url)).startswith(sentence)
    assert (await twofold("migrate", DATABASE_URL=sqlite_url)).code == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no such limit")
async def test_a_full_disk_is_one_sentence_at_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "full.data"
    with files_of_at_most(20_000):
        sentence = told(await run("migrate", folder))
    assert sentence.startswith(f"The database file {folder / 'twofold.db'} cannot be used (")
    assert sentence.endswith("check its path, its permissions, and that the disk has room.")
    with files_of_at_most(10), pytest.raises(SettingsError) as refused:
        Settings(_env_file=None, data_dir=folder).identity()
    assert str(refused.value) == f"The folder in DATA_DIR, {folder}, cannot hold the secret key: File too large."
    assert not list(folder.glob("secret*"))
