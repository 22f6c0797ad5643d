"""`twofold import` and `twofold export`."""

import os
import sys
from collections import Counter
from collections.abc import Generator
from contextlib import aclosing, closing
from pathlib import Path
from typing import Annotated, BinaryIO
from uuid import UUID

import typer
from rich.console import Console

from api.cli.import_report import Report, counted, printable
from api.cli.progress import err, progress
from api.config import Settings, load_settings
from api.core.actor import SYSTEM
from api.core.errors import AppError, ErrorCode
from api.server.startup import prepare_database, run_with_database
from api.services.transfer.checking import ImportPlan, Tally
from api.services.transfer.exporting import export_lines
from api.services.transfer.files import STANDARD, opened, replaced
from api.services.transfer.importing import check_rows, import_rows, plan_import
from api.services.transfer.reading import FileFormat, Source, format_of
from api.services.transfer.rows import BadRow, Row
from db.engine import Database
from db.errors import ConstraintViolatedError
from db.unit_of_work import ReadUnit

out = Console(highlight=False, markup=False, soft_wrap=True)

# How many addresses a sentence names.
NAMED = 10

# Not a docstring, because the help keeps the line breaks of one.
IMPORT_HELP = (
    "Import items into a workspace, and the messages of an export."
    "\n\nCSV, separated by commas, semicolons or tabs: the header names fields: title (needed), description, status, "
    "priority, tags (separated by ; or ,), due_at (ISO 8601 with a zone), assignee (an e-mail address) or assignee_id, "
    "owner (an e-mail address), fields (a JSON object), fields.NAME (one text in it), id, created_at, updated_at, "
    "deleted_at, version. An empty cell is an absent value, a blank row is none. Several columns may be tags, or one "
    "fields.NAME, which is a list then. Unknown columns are refused, unless --map says where they go or "
    "--ignore-unknown leaves them out."
    '\n\nJSON Lines: an object per line with the same fields; with "type": "message" it is a message. '
    "What `twofold export` wrote comes back equal."
    "\n\nFiles are UTF-8, or UTF-16 with its mark. Bad rows are told by line number and summed up by their reasons, "
    "and then nothing is imported, unless --skip-bad. An assignee must be a member; only a row with a version, the "
    "copy of an item, keeps one who is not. The owner of the import stands in for owners and authors without an "
    "account here."
)
EXPORT_HELP = (
    "Export the items, trash included, and the messages of a workspace as JSON Lines."
    "\n\nA file appears under its name when it is complete, never before."
)

WorkspaceOption = Annotated[str, typer.Option("--workspace", metavar="ID", help="The workspace's id.")]


def import_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV or JSON Lines file; - reads standard input.")],
    workspace: WorkspaceOption,
    format_: Annotated[
        FileFormat | None, typer.Option("--format", help="If the suffix (.csv, .jsonl, .ndjson) does not tell.")
    ] = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="COLUMN=FIELD", help="The field of a CSV column; may be repeated."),
    ] = None,
    owner: Annotated[
        str | None,
        typer.Option(metavar="EMAIL", help="The member who owns what names no owner; else the first admin."),
    ] = None,
    *,
    ignore_unknown: Annotated[bool, typer.Option("--ignore-unknown", help="Leave out unknown columns.")] = False,
    new_ids: Annotated[
        bool, typer.Option("--new-ids", help="Give new ids to all; messages stay with their items.")
    ] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Import the good rows all the same.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, write nothing.")] = False,
) -> None:
    """Run `twofold import`."""
    workspace_id = _workspace_id(workspace)
    columns = _columns(mapping or [])

    async def work(settings: Settings, database: Database) -> None:
        await prepare_database(settings, database)
        with opened(file) as stream:
            source = Source(stream, format_ or format_of(str(file)), columns, ignore_unknown)
            async with database.read() as uow:
                plan = await plan_import(uow, SYSTEM, workspace_id, owner=owner, new_ids=new_ids, skip_bad=skip_bad)
            await _Import(database, source, plan).run(dry_run=dry_run)

    run_with_database(load_settings(), work)


def export_command(
    workspace: WorkspaceOption,
    output: Annotated[Path, typer.Option(metavar="FILE", help="Where to; - is standard output.")] = STANDARD,
) -> None:
    """Run `twofold export`."""
    workspace_id = _workspace_id(workspace)

    async def work(settings: Settings, database: Database) -> None:
        await prepare_database(settings, database)
        async with database.read() as uow:
            if output == STANDARD:
                number = await _export(uow, workspace_id, sys.stdout.buffer)
            else:
                with replaced(output) as stream:
                    number = await _export(uow, workspace_id, stream)
        err.print(f"Exported {counted(number, 'row')}.")

    run_with_database(load_settings(), work)


class _Import:
    """One run of the import command."""

    def __init__(self, database: Database, source: Source, plan: ImportPlan) -> None:
        self._database = database
        self._source = source
        self._plan = plan
        self._report = Report()

    async def run(self, *, dry_run: bool) -> None:
        """Check all rows, then write them.

        Raises:
            AppError: some are bad, or the database refused one.
        """
        # The check holds no lock: others go on writing while a long file is read.
        with closing(self._rows("Checked")) as rows:
            async with self._database.read() as uow:
                tally = await check_rows(uow, SYSTEM, self._plan, rows, on_bad=self._report.tell)
        if tally.bad and not self._plan.skip_bad:
            self._report.sum_up()
            raise AppError(ErrorCode.VALIDATION_ERROR, f"Nothing was imported: {_share_of_bad(tally)}.")
        if dry_run:
            _sum_up("Nothing was written; this would import", tally)
            return
        try:
            with closing(self._rows("Imported")) as rows:
                async with self._database.write() as uow:
                    tally = await import_rows(uow, SYSTEM, self._plan, rows, on_bad=self._report.tell)
        except ConstraintViolatedError as error:
            reason = str(error).splitlines()[0]
            sentence = f"Nothing was imported: the database refused a row ({reason})."
            raise AppError(ErrorCode.CONFLICT, sentence) from error
        _sum_up("Imported", tally)

    def _rows(self, done: str) -> Generator[Row | BadRow]:
        with progress(done, self._source.stream.seek(0, os.SEEK_END)) as step:
            for row in self._source.rows():
                yield row
                step(self._source.position)


async def _export(uow: ReadUnit, workspace_id: UUID, stream: BinaryIO) -> int:
    with progress("Exported") as step:
        async with aclosing(export_lines(uow, SYSTEM, workspace_id)) as lines:
            async for line in lines:
                stream.write(line.encode())
                step()
    stream.flush()
    return step.count


def _sum_up(done: str, tally: Tally) -> None:
    left_out = f"; {_share_of_bad(tally)} and left out" if tally.bad else ""
    out.print(f"{done} {counted(tally.items, 'item')} and {counted(tally.messages, 'message')}{left_out}.")
    if tally.stand_ins:
        out.print(f"The owner of the import stands in where nobody has the e-mail address: {_named(tally.stand_ins)}.")
    if tally.unassigned:
        out.print(f"Nobody is assigned where nobody has the e-mail address: {_named(tally.unassigned)}.")


def _share_of_bad(tally: Tally) -> str:
    total = tally.items + tally.messages + tally.bad
    return f"{tally.bad:,} of {counted(total, 'row')} {'is' if tally.bad == 1 else 'are'} bad"


def _named(strangers: Counter[str]) -> str:
    """Return the addresses, each with how often it came."""
    named = ", ".join(f"{printable(address)} ({counted(n, 'row')})" for address, n in sorted(strangers.items())[:NAMED])
    return named if len(strangers) <= NAMED else f"{named} and {len(strangers) - NAMED:,} more"


def _workspace_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise AppError(ErrorCode.BAD_REQUEST, f"{printable(text)} is not the id of a workspace.") from None


def _columns(mapping: list[str]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for pair in mapping:
        column, equals, target = pair.rpartition("=")
        if not equals or not column.strip():
            raise AppError(ErrorCode.BAD_REQUEST, f"--map takes COLUMN=FIELD, and not {printable(pair)}.")
        columns[column.strip()] = target.strip()
    return columns
