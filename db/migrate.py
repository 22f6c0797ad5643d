"""Bringing a database to the revision that the models describe."""

import asyncio
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text

from db.engine import Database
from db.errors import NotPermittedError, translate_errors

_FOLDER = Path(__file__).with_name("migrations")
# Any number will do, as long as it is the same for all who migrate (PostgreSQL manual, 13.3.5).
_ADVISORY_LOCK = 7_303_014


class MigrationError(Exception):
    """Why the database cannot be brought to a revision, in one sentence."""


async def upgrade(database: Database, revision: str = "head") -> None:
    """Apply the missing migrations. Several processes may try at once; one does it, the others wait."""
    _check_known(revision)
    role, schema = _quoted(database.url.username), "dbos"
    # First: once our own revision is the newest, nothing is missing any more.
    with _explained(
        f"The role {role} may not make the schema {schema}, which the jobs stand in",
        f"let an administrator of the database run CREATE SCHEMA {schema} AUTHORIZATION {role}",
    ):
        await database.jobs().migrate()
    with _explained(
        f"The role {role} may not make the tables",
        f"let an administrator of the database run GRANT ALL ON SCHEMA public TO {role}",
    ):
        await _run(database, lambda config: _command().upgrade(config, revision))


async def downgrade(database: Database, revision: str) -> None:
    """Take migrations back, down to a revision, or `base` for none."""
    _check_known(revision)
    await _run(database, lambda config: _command().downgrade(config, revision))


async def is_current(database: Database) -> bool:
    """Return whether no migration is missing.

    Raises:
        MigrationError: the database is of a newer version than this one.
        DatabaseError: it does not answer, or is damaged.
    """
    with translate_errors():
        async with database.engines[0].connect() as connection:
            return await connection.run_sync(_read_revision) == newest_revision()


def newest_revision() -> str:
    """Return the revision that the models describe.

    Found by the files' names, which begin with their numbers: loading Alembic to ask it would cost
    every start a tenth of a second.
    """
    return max(known_revisions())


def known_revisions() -> set[str]:
    """Return the revisions that there are migrations to."""
    return {path.stem.split("_")[0] for path in (_FOLDER / "versions").glob("[0-9]*.py")}


@contextmanager
def _explained(problem: str, remedy: str) -> Iterator[None]:
    """Say in one sentence what the role may not do.

    Raises:
        MigrationError: it may not.
    """
    try:
        yield
    except NotPermittedError as error:
        raise MigrationError(f"{problem} ({str(error).splitlines()[0]}): {remedy}, then try again.") from error


def _quoted(name: str | None) -> str:
    """Return a name as SQL takes any (PostgreSQL manual, 4.1.1)."""
    return '"' + (name or "").replace('"', '""') + '"'


def _check_known(revision: str) -> None:
    known = sorted(known_revisions())
    if revision not in known and not re.fullmatch(r"base|head|[+-][0-9]+", revision):
        raise MigrationError(f"There is no revision {revision}: there are {', '.join(known)}, and base for none.")


async def new_revision(database: Database, message: str) -> None:
    """Write a migration from what the models have and the database lacks."""
    number = f"{int(max(known_revisions(), default='0')) + 1:04d}"
    await _run(database, lambda config: _command().revision(config, message, autogenerate=True, rev_id=number))


def _read_revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    if revision is not None and revision not in known_revisions():
        raise MigrationError(
            f"The database is at revision {revision}, which this version of Twofold does not know: "
            "run the newer version that made it."
        )
    return revision


def _command() -> Any:
    from alembic import command  # noqa: PLC0415 - slow to import, and rarely needed

    return command


async def _run(database: Database, action: Callable[[Any], None]) -> None:
    def work(connection: Connection) -> None:
        from alembic.config import Config  # noqa: PLC0415 - slow to import, and rarely needed
        from alembic.util import CommandError  # noqa: PLC0415 - as above

        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
        config = Config()
        config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
        config.attributes["connection"] = connection
        _read_revision(connection)
        try:
            action(config)
        except CommandError as error:
            raise MigrationError(f"{str(error).rstrip('.')}.") from error

    # Rewriting a large table may take longer than any statement of a request.
    address = database.url.render_as_string(hide_password=False)
    patient = Database(address, replace(database.options, pool_size=1, statement_timeout=None))
    try:
        with translate_errors():
            async with patient.engines[0].begin() as connection:
                await connection.run_sync(work)
    finally:
        await patient.dispose()


async def _write_revision(message: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/scratch.db")
        if known_revisions():
            await upgrade(database)
        await new_revision(database, message)
        await database.dispose()


if __name__ == "__main__":
    asyncio.run(_write_revision(sys.argv[1]))
