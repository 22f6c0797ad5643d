"""Files that are exported: of any name, for their owner's eyes, whole or not at all."""

import os
import sys
from pathlib import Path

import pytest

from api.config import Settings
from db.engine import Database
from tests.doors.people import World
from tests.test_database_files import files_of_at_most, modes, umask
from tests.transfer.command import Ended, twofold
from tests.transfer.workspaces import export, fill, log_of

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

ODD = "a b%20?c#d;e's.jsonl"


async def run(settings: Settings, world: World, *arguments: str) -> Ended:
    return await twofold(*arguments, "--workspace", str(world.workspace), DATABASE_URL=settings.database_address)


async def test_an_export_is_for_its_owner_and_keeps_the_mode_of_what_it_replaces(
    settings: Settings, database: Database, world: World, tmp_path: Path
) -> None:
    await fill(database, world)
    folder = tmp_path / "x%41 ?#"
    folder.mkdir(mode=0o755)
    file = folder / ODD
    with umask(0o022):
        assert (await run(settings, world, "export", "--output", str(file))).code == 0
        assert modes(folder)[ODD] == "0o600"
        file.chmod(0o664)
        assert (await run(settings, world, "export", "--output", str(file))).code == 0
        assert modes(folder) == {folder.name: "0o755", ODD: "0o664"}
    assert (await run(settings, world, "import", str(file), "--new-ids")).code == 0
    assert len(await export(database, world.workspace)) == 12


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no such limit")
async def test_a_full_disk_is_one_sentence(
    settings: Settings, database: Database, world: World, tmp_path: Path
) -> None:
    await fill(database, world)
    before = len(await log_of(database, world.workspace))
    file = tmp_path / "kept.jsonl"
    file.write_text("what was there\n")
    with files_of_at_most(100):
        full = await run(settings, world, "export", "--output", str(file))
    assert full == Ended(1, "", f"{file} cannot be written: File too large.\n")
    assert file.read_text() == "what was there\n"
    assert [path.name for path in tmp_path.iterdir() if "kept" in path.name] == ["kept.jsonl"]

    rows = tmp_path / "rows.csv"
    rows.write_text("title,description\n" + f"Seeds,{'x' * 10_000}\n" * 200)
    with files_of_at_most(Path(str(database.url.database)).stat().st_size + 100_000):
        full = await run(settings, world, "import", str(rows))
    assert full.err.startswith(f"The database file {database.url.database} cannot be used (")
    assert full.err.endswith("check its path, its permissions, and that the disk has room.\n")
    assert (full.code, full.out, full.err.count("\n")) == (1, "", 1)
    assert len(await log_of(database, world.workspace)) == before


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device here")  # noqa: PTH110 - as the shell sees it
async def test_an_output_without_room_is_one_sentence(
    settings: Settings, database: Database, world: World, tmp_path: Path
) -> None:
    await fill(database, world)
    full = await run(settings, world, "export", "--output", "/dev/full")
    assert full == Ended(1, "", "/dev/full cannot be written: No space left on device.\n")
