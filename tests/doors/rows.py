"""Every row there is, past all services: to compare, and to put back."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from fastapi import FastAPI
from sqlalchemy import RowMapping, Table, and_, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import Database
from db.models import Base, Job, UserSession
from db.models.jobs import SCHEMA

Rows = dict[str, list[dict[str, Any]]]

JOBS = "jobs"
"""Under this name the jobs are among the rows, whose tables are not ours."""


async def take_rows(app: FastAPI, *names: str) -> Rows:
    """Return the rows of these tables, or of all, with the values that either database would take back."""
    database: Database = app.state.database
    async with database._reader.connect() as connection:
        rows = await _take(connection, [table for table in _tables() if not names or table.name in names])
        return rows if names else {**rows, JOBS: [dict(row) for row in await _jobs(connection, database)]}


async def add_rows(app: FastAPI, rows: Rows) -> None:
    """Write rows that were taken from a database of either kind."""
    database: Database = app.state.database
    async with database._writer.begin() as connection:
        for table in _tables():
            if rows[table.name]:
                await connection.execute(insert(table), rows[table.name])


@dataclass(frozen=True)
class Kept:
    """What a database held: as rows, to put them back, and as text, to compare."""

    rows: Rows
    texts: dict[str, list[str]]


async def keep(app: FastAPI) -> Kept:
    """Return what the database holds, to be put back."""
    return Kept(await take_rows(app), await all_rows(app))


async def put_back(app: FastAPI, kept: Kept) -> None:
    """Make the database what it was: much quicker than to make everything anew, as few rows have changed."""
    database: Database = app.state.database
    texts = await all_rows(app)
    changed = [table for table in _tables() if texts[table.name] != kept.texts[table.name]]
    async with database._writer.begin() as connection:
        now = await _take(connection, changed)
        await _put_rows(connection, [_Difference(table, now[table.name], kept.rows[table.name]) for table in changed])
        if texts[JOBS] != kept.texts[JOBS]:
            await _put_jobs(connection, database, {row["id"]: row["status"] for row in kept.rows[JOBS]})


class _Difference:
    """What a table has and should not, lacks, or has otherwise."""

    def __init__(self, table: Table, now: Sequence[dict[str, Any]], then: Sequence[dict[str, Any]]) -> None:
        self.table = table
        names = [column.name for column in table.primary_key]
        have, want = ({tuple(row[name] for name in names): row for row in rows} for rows in (now, then))
        self.added = [row for key, row in have.items() if key not in want]
        self.missing = [row for key, row in want.items() if key not in have]
        self.other = [row for key, row in want.items() if have.get(key, row) != row]
        self.key = and_(*(column == bindparam(f"old_{column.name}", type_=column.type) for column in table.primary_key))

    def keys(self, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the rows with what their condition is asked with."""
        return [
            {**row, **{f"old_{column.name}": row[column.name] for column in self.table.primary_key}} for row in rows
        ]


async def _put_rows(connection: AsyncConnection, differences: Sequence[_Difference]) -> None:
    # What is new refers to what was there, and what is missing to what is still there or was missing, too.
    for one in reversed(differences):
        if one.added:
            await connection.execute(delete(one.table).where(one.key), one.keys(one.added))
    for one in differences:
        if one.missing:
            await connection.execute(insert(one.table), one.missing)
    for one in differences:
        if one.other:
            await connection.execute(update(one.table).where(one.key), one.keys(one.other))


async def _put_jobs(connection: AsyncConnection, database: Database, known: dict[str, Any]) -> None:
    options = _options(database)
    await connection.execute(delete(Job).where(Job.id.not_in(known)), execution_options=options)
    for job in await _jobs(connection, database):
        if job["status"] != known[job["id"]]:
            was = update(Job).where(Job.id == job["id"]).values(status=known[job["id"]])
            await connection.execute(was, execution_options=options)


async def put_back_sessions(app: FastAPI, rows: Rows) -> None:
    """Let everybody be signed in again."""
    database: Database = app.state.database
    async with database._writer.begin() as connection:
        await connection.execute(delete(UserSession))
        await connection.execute(insert(UserSession), rows["sessions"])


async def all_rows(app: FastAPI) -> dict[str, list[str]]:
    """Return all rows by table as text in a fixed order, to compare; one statement asks for all of them."""
    database: Database = app.state.database
    rows: dict[str, list[str]] = {name: [] for name in (*(table.name for table in _tables()), JOBS)}
    async with database._reader.connect() as connection:
        for row in await connection.exec_driver_sql(_everything(sqlite=database.is_sqlite)):
            name, values = tuple(row)
            rows[name].append(values)
    return {name: sorted(texts) for name, texts in rows.items()}


@cache
def _everything(*, sqlite: bool) -> str:
    """Return the statement that answers the name of its table and its values as text for every row there is."""
    columns = {table.name: [column.name for column in table.columns] for table in _tables()}
    jobs: Any = Job.__table__
    places = {name: name for name in columns} | {JOBS: jobs.name if sqlite else jobs.fullname}
    columns[JOBS] = [Job.id.expression.name, Job.status.expression.name]
    quoted = "quote({})" if sqlite else "quote_nullable({}::text)"
    each = {name: "||' '||".join(map(quoted.format, names)) for name, names in columns.items()}
    return " UNION ALL ".join(f"SELECT '{name}', {each[name]} FROM {places[name]}" for name in columns)  # noqa: S608 - the names are ours


def _tables() -> list[Table]:
    return Base.metadata.sorted_tables


async def _take(connection: AsyncConnection, tables: Sequence[Table]) -> Rows:
    return {table.name: [dict(row) for row in (await connection.execute(select(table))).mappings()] for table in tables}


async def _jobs(connection: AsyncConnection, database: Database) -> Sequence[RowMapping]:
    """Return the jobs, of which nothing but this is ever changed."""
    found = await connection.execute(select(Job.id.label("id"), Job.status), execution_options=_options(database))
    return [row._mapping for row in found]


def _options(database: Database) -> dict[str, Any]:
    """Say where the tables of the jobs are."""
    return {"schema_translate_map": {SCHEMA: None}} if database.is_sqlite else {}
