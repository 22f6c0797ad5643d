"""`twofold import` and `twofold export`."""

import asyncio
import io
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import pytest
from rich.console import Console
from rich.text import Text

from api.config import Settings
from api.core.errors import AppError
from api.services.transfer.files import replaced
from db.engine import Database
from tests.doors.people import World
from tests.live import free_port
from tests.transfer.command import Ended, twofold
from tests.transfer.workspaces import export, fill, log_of

Command = Callable[..., Awaitable[Ended]]

BAD_CSV = """Name,Labels,Urgency,Bed
Buy seeds,a;b,2,3
,,9,
Water,,1,
"""
MAP = ["--map", "Name=title", "--map", "Labels=tags", "--map", "Urgency=priority", "--map", "Bed=fields.bed"]


@pytest.fixture
def command(settings: Settings, world: World) -> Command:
    """The command on the database of the world, with `--workspace` already given."""

    async def run(name: str, *arguments: str, stdin: bytes = b"") -> Ended:
        return await twofold(
            name,
            *arguments,
            "--workspace",
            str(world.workspace),
            stdin=stdin,
            DATABASE_URL=settings.database_address,
            DATA_DIR=str(settings.data_dir),
        )

    return run


async def test_a_csv_file_with_foreign_headers_is_imported(
    command: Command, database: Database, world: World, tmp_path: Path
) -> None:
    file = tmp_path / "tasks.csv"
    file.write_text(BAD_CSV.replace(",,9,\n", ""))

    ended = await command("import", str(file), *MAP, "--owner", "editor@example.com")

    assert ended == Ended(0, "Imported 2 items and 0 messages.\n", "")
    lines = [json.loads(line) for line in await export(database, world.workspace)]
    assert [(line["title"], line["tags"], line["priority"], line["fields"], line["owner"]) for line in lines] == [
        ("Buy seeds", ["a", "b"], 2, {"bed": "3"}, "editor@example.com"),
        ("Water", [], 1, {}, "editor@example.com"),
    ]


async def test_bad_rows_are_told_by_line_and_nothing_is_imported_unless_they_are_skipped(
    command: Command, database: Database, world: World, tmp_path: Path
) -> None:
    file = tmp_path / "tasks.csv"
    file.write_text(BAD_CSV)
    before = len(await log_of(database, world.workspace))
    told = "line 3: title: Field required\nline 3: priority: Input should be less than or equal to 4\n"

    refused = await command("import", str(file), *MAP)
    reasons = (
        "1 row: title: Field required (line 3)\n"
        "1 row: priority: Input should be less than or equal to 4 (line 3, such as '9')\n"
    )
    assert refused == Ended(1, "", told + reasons + "Nothing was imported: 1 of 3 rows is bad.\n")
    dry = await command("import", str(file), *MAP, "--skip-bad", "--dry-run")
    summary = "2 items and 0 messages; 1 of 3 rows is bad and left out.\n"
    assert dry == Ended(0, f"Nothing was written; this would import {summary}", told)
    assert len(await log_of(database, world.workspace)) == before
    assert await export(database, world.workspace) == []

    skipped = await command("import", str(file), *MAP, "--skip-bad")
    assert skipped == Ended(0, f"Imported {summary}", told)
    assert len(await log_of(database, world.workspace)) == before + 2


async def test_an_export_goes_to_a_file_or_the_standard_output_and_is_imported_from_either(
    command: Command, database: Database, world: World, tmp_path: Path
) -> None:
    await fill(database, world)
    lines = await export(database, world.workspace)
    file = tmp_path / "garden.jsonl"

    assert await command("export", "--output", str(file)) == Ended(0, "", "Exported 6 rows.\n")
    assert file.read_bytes().decode() == "".join(lines)
    assert [path.name for path in tmp_path.iterdir() if "garden" in path.name] == ["garden.jsonl"]
    assert await command("export") == Ended(0, "".join(lines), "Exported 6 rows.\n")

    taken = await command("import", str(file))
    assert taken.code == 1
    assert taken.err.startswith("line 1: id: This id is taken\n")
    copied = await command("import", str(file), "--new-ids")
    assert copied == Ended(0, "Imported 2 items and 4 messages.\n", "")
    again = await command("import", "-", "--format", "jsonl", "--new-ids", stdin=file.read_bytes())
    assert again == copied
    assert len(await export(database, world.workspace)) == 18


async def test_people_unknown_here_are_named_in_the_summary(command: Command, database: Database, world: World) -> None:
    row = {"title": "A", "version": 1, "owner": "x@example.com", "assignee": "y@example.com"}
    data = "".join(json.dumps(line) + "\n" for line in (row, row))
    ended = await command("import", "-", "--format", "jsonl", stdin=data.encode())
    assert ended == Ended(
        0,
        "Imported 2 items and 0 messages.\n"
        "The owner of the import stands in where nobody has the e-mail address: x@example.com (2 rows).\n"
        "Nobody is assigned where nobody has the e-mail address: y@example.com (2 rows).\n",
        "",
    )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_cannot_be_done_is_one_sentence(
    command: Command, database: Database, world: World, tmp_path: Path
) -> None:
    before = len(await log_of(database, world.workspace))
    latin = tmp_path / "latin.csv"
    latin.write_bytes(b"title\nG\xe4rten\n")
    good = tmp_path / "good.csv"
    good.write_text("title\nA\n")
    nowhere = tmp_path / "no" / "garden.jsonl"
    for arguments, sentence in (
        (["import", str(tmp_path / "none.csv")], f"{tmp_path / 'none.csv'} cannot be read: No such file or directory."),
        (["import", str(tmp_path), "--format", "csv"], f"{tmp_path} cannot be read: Is a directory."),
        (["import", str(latin)], "The file is not UTF-8 text (line 2): save it as UTF-8 and try again."),
        (["import", str(good), "--map", "title"], "--map takes COLUMN=FIELD, and not title."),
        (["import", str(good), "--owner", "x@y"], "Nobody with the e-mail address x@y is a member of the workspace."),
        (["import", str(good), "--format", "jsonl"], "Nothing was imported: 2 of 2 rows are bad."),
        (["import", "-"], "The name - does not tell the format: add --format csv or --format jsonl."),
        (["export", "--output", str(nowhere)], f"{nowhere} cannot be written: No such file or directory."),
    ):
        ended = await command(*arguments)
        assert (ended.code, ended.out, ended.err.splitlines()[-1]) == (1, "", sentence)
        assert "Traceback" not in ended.err
    assert len(await log_of(database, world.workspace)) == before


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_an_unknown_workspace_is_one_sentence(settings: Settings, world: World, tmp_path: Path) -> None:
    good = tmp_path / "good.csv"
    good.write_text("title\nA\n")
    for workspace, sentence in (
        (str(uuid4()), "There is no such workspace.\n"),
        ("garden", "garden is not the id of a workspace.\n"),
    ):
        for arguments in (["import", str(good)], ["export"], ["export", "--output", str(tmp_path / "x.jsonl")]):
            ended = await twofold(*arguments, "--workspace", workspace, DATABASE_URL=settings.database_address)
            assert ended == Ended(1, "", sentence)
    assert not (tmp_path / "x.jsonl").exists()


async def test_a_database_that_is_away_is_one_sentence(tmp_path: Path) -> None:
    address = f"postgresql://postgres@127.0.0.1:{free_port()}/twofold"
    for arguments in (["import", "x.csv"], ["export"]):
        ended = await twofold(*arguments, "--workspace", str(uuid4()), DATABASE_URL=address, DATA_DIR=str(tmp_path))
        assert (ended.code, ended.out) == (1, "")
        assert ended.err.startswith("The database at postgresql+asyncpg://postgres@127.0.0.1")
        assert ended.err.count("\n") == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_progress_is_told_in_plain_lines_where_there_is_no_terminal(settings: Settings, world: World) -> None:
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("twofold")),
        *("import", "-", "--format", "csv", "--dry-run", "--workspace", str(world.workspace)),
        env={**os.environ, "DATABASE_URL": settings.database_address, "DATA_DIR": str(settings.data_dir)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(b"title\n" + b"A\n" * 10_001)
    assert out == b"Nothing was written; this would import 10,001 items and 0 messages.\n"
    assert err.decode() == "Checked 10,000 rows …\n"
    assert process.returncode == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_progress_is_a_bar_on_a_terminal(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Console(file=io.StringIO(), force_terminal=True, width=100)
    monkeypatch.setattr("api.cli.progress.err", terminal)
    ended = await command("import", "-", "--format", "csv", "--dry-run", stdin=b"title\n" + b"A\n" * 400)
    assert ended.code == 0
    assert isinstance(terminal.file, io.StringIO)
    assert "Checked 400 rows" in terminal.file.getvalue()
    assert "100%" in terminal.file.getvalue()


def _interrupted(file: Path) -> None:
    with replaced(file) as stream:
        stream.write(b"half")
        stream.flush()
        assert file.read_text() == "old"
        raise KeyboardInterrupt


def test_a_file_is_replaced_when_it_is_complete_and_not_before(tmp_path: Path) -> None:
    file = tmp_path / "garden.jsonl"
    file.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        _interrupted(file)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("garden.jsonl", "old")]

    with replaced(file) as stream:
        stream.write(b"new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("garden.jsonl", "new")]


def test_a_link_and_a_device_stay_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "real.jsonl").write_text("old")
    link = tmp_path / "link.jsonl"
    link.symlink_to("real.jsonl")
    with replaced(link) as stream:
        stream.write(b"new")
    assert link.is_symlink()
    assert (tmp_path / "real.jsonl").read_text() == "new"
    with replaced(Path(os.devnull)) as stream:
        stream.write(b"new")
    assert Path(os.devnull).is_char_device()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="cannot be written: No such file or directory"), replaced(tmp_path / "no" / "x"):
        pass


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_failing_import_ends_with_its_distinct_reasons(
    command: Command, database: Database, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "tasks.csv"
    rows = [f"A,{45322 + number},a;{'b' * 51}," for number in range(7)]
    rows += [f"B,,,{world.stranger.id}", "C,,,x", "D\x1b[31m,,,", "E\x1b,,,"]
    file.write_text("title,due_at,tags,assignee_id\n" + "\n".join(rows) + "\n")
    before = len(await log_of(database, world.workspace))
    moment = "due_at: It must be an ISO 8601 date and time with a zone, such as 2026-01-31T08:30:00Z"
    tag = "tags: It must have at most 50 characters"
    expected = [
        f"7 rows: {tag} (lines 2, 3, 4, 5, 6 and 2 more, such as '{'b' * 51}')",
        f"7 rows: {moment} (lines 2, 3, 4, 5, 6 and 2 more, such as '45322')",
        "2 rows: title: It must not contain control characters (lines 11, 12, such as 'D\\u001b[31m')",
        "1 row: assignee_id: It must be a UUID such as 0198c0de-7a3f-7c21-9e55-0c2f4b6d8e10 (line 10, such as 'x')",
        f"1 row: assignee_id: The assignee must be a member of the workspace (line 9, such as '{world.stranger.id}')",
        "Nothing was imported: 11 of 11 rows are bad.",
    ]
    refused = await command("import", str(file))
    assert (refused.code, refused.err.splitlines()[-len(expected) :]) == (1, expected)
    assert "\x1b" not in refused.err

    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=200, highlight=False, markup=False)
    monkeypatch.setattr("api.cli.import_report.err", terminal)
    refused = await command("import", str(file))
    assert (refused.code, refused.err) == (1, "Nothing was imported: 11 of 11 rows are bad.\n")
    table = [re.split(r"\s{2,}", line.strip()) for line in Text.from_ansi(screen.getvalue()).plain.splitlines()]
    assert ["Rows", "Reason", "Lines", "Value"] in table
    assert ["7 rows", moment, "lines 2, 3, 4, 5, 6 and 2 more", "'45322'"] in table
    assert len(await log_of(database, world.workspace)) == before


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_reasons_without_end_are_told_to_an_end(command: Command, world: World) -> None:
    rows = "title\n" + "".join(f"A{',x' * (number + 1)}\n" for number in range(30))
    refused = await command("import", "-", "--format", "csv", stdin=rows.encode())
    last = refused.err.splitlines()[-22:]
    assert last[0] == "1 row: It has 2 cells, and the header has 1 (line 2)"
    assert last[-2:] == ["and 10 other reasons", "Nothing was imported: 30 of 30 rows are bad."]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_spreadsheet_in_utf_16_is_understood_and_a_broken_one_is_one_sentence(
    command: Command, database: Database, world: World, tmp_path: Path, encoding: str
) -> None:
    file = tmp_path / "excel.csv"
    file.write_bytes(("\ufefftitle\ttags\r\nGärten 🌱\ta,b\r\n\t\r\n" * 1).encode(encoding))
    assert await command("import", str(file)) == Ended(0, "Imported 1 item and 0 messages.\n", "")
    (line,) = await export(database, world.workspace)
    assert (json.loads(line)["title"], json.loads(line)["tags"]) == ("Gärten 🌱", ["a", "b"])
    file.write_bytes(file.read_bytes()[:-1])
    assert await command("import", str(file)) == Ended(
        1, "", "The file begins as UTF-16 text and does not go on so: save it as UTF-8 and try again.\n"
    )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_people_are_found_by_any_spelling_of_their_address(
    command: Command, database: Database, world: World
) -> None:
    rows = "title,assignee,owner\nA,ＶＩＥＷＥＲ＠example.com, ADMIN@Example.COM \nB,,\n"
    arguments = ["import", "-", "--format", "csv", "--owner", " ＥＤＩＴＯＲ@Example.com"]
    assert (await command(*arguments, stdin=rows.encode())).code == 0
    lines = [json.loads(line) for line in await export(database, world.workspace)]
    assert [(line["assignee"], line["owner"]) for line in lines] == [
        ("viewer@example.com", "admin@example.com"),
        (None, "editor@example.com"),
    ]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_an_administrator_is_made_under_the_one_spelling(settings: Settings, world: World) -> None:
    made = ["create-admin", " ＧＲＡＣＥ＠Example.com", "--password", "Analytical1"]
    ended = await twofold(*made, DATABASE_URL=settings.database_address)
    assert ended == Ended(0, "grace@example.com is an administrator now.\n", "")
    again = await twofold("create-admin", "grace@EXAMPLE.com", *made[2:], DATABASE_URL=settings.database_address)
    assert again == Ended(1, "", "This e-mail address has an account already.\n")
    assert Settings(_env_file=None, admin_email=" ＧＲＡＣＥ＠Example.com").admin_email.lower() == "grace@example.com"
