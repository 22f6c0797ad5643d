"""`twofold files`."""

import typer
from rich.console import Console

from api.cli.progress import progress
from api.config import Settings, load_settings
from api.server.startup import StartupError, prepare_database, prepare_store, run_with_database
from api.services.work.checking_files import Findings, check_files
from db.engine import Database

files_app = typer.Typer(no_args_is_help=True, help="Look after the store of files.")
out = Console(highlight=False, markup=False, soft_wrap=True)


@files_app.callback()
def _group() -> None:
    """Keep `check` a command of its own, though it is the only one."""


@files_app.command("check")
def check_command() -> None:
    """Compare the store with the database: remove bytes that no file has, and name those that are lost."""
    run_with_database(load_settings(), _check)


async def _check(settings: Settings, database: Database) -> None:
    await prepare_database(settings, database)
    store = await prepare_store(settings)
    with progress("Checked") as steps:

        def step(more: int) -> None:
            for _ in range(more):
                steps()

        findings = await check_files(database, store, step=step)
    _tell(findings)
    if not findings.is_whole:
        lost = len(findings.missing) + len(findings.damaged)
        raise StartupError(
            f"The bytes of {lost} files are lost or damaged: restore {store.where} from a copy, or delete those files."
        )


def _tell(findings: Findings) -> None:
    for what, keys in (("missing", findings.missing), ("damaged", findings.damaged)):
        for key in keys:
            out.print(f"{what}  {key}")
    out.print(f"Checked {findings.checked:,}, removed {findings.removed:,} ({findings.removed_bytes:,} bytes).")
