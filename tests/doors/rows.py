"""Every row there is, past all services: to compare, and to put back."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from sqlalchemy import RowMapping, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import Database
from db.models import Base, Job, UserSession
from db.models.jobs import SCHEMA

Rows = dict[str, list[dict[str, Any]]]

JOBS = "jobs"
"""Under this name the jobs are among the rows, whose tables are not ours."""


async def take_rows(app: FastAPI) -> Rows:
    """Return all rows by table, with the values that either database would take back."""
    database: Database = app.state.database
    async with database._reader.connect() as connection:
        rows = {
            table.name: [dict(row) for row in (await connection.execute(select(table))).mappings()]
            for table in Base.metadata.sorted_tables
        }
        return {**rows, JOBS: [dict(row) for row in await _jobs(connection, database)]}


async def add_rows(app: FastAPI, rows: Rows) -> None:
    """Write rows that were taken from a database of either kind."""
    database: Database = app.state.database
    async with database._writer.begin() as connection:
        for table in Base.metadata.sorted_tables:
            if rows[table.name]:
                await connection.execute(insert(table), rows[table.name])


async def put_back(app: FastAPI, rows: Rows) -> None:
    """Make the database what it was: much quicker than to make everything anew."""
    database: Database = app.state.database
    async with database._writer.begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            await connection.execute(delete(table))
        options = _options(database)
        known = {row["id"]: row["status"] for row in rows[JOBS]}
        await connection.execute(delete(Job).where(Job.id.not_in(known)), execution_options=options)
        for job_id, status in known.items():
            was = update(Job).where(Job.id == job_id).values(status=status)
            await connection.execute(was, execution_options=options)
    await add_rows(app, rows)


async def put_back_sessions(app: FastAPI, rows: Rows) -> None:
    """Let everybody be signed in again."""
    database: Database = app.state.database
    async with database._writer.begin() as connection:
        await connection.execute(delete(UserSession))
        await connection.execute(insert(UserSession), rows["sessions"])


async def all_rows(app: FastAPI) -> dict[str, list[str]]:
    """Return all rows by table as text in a fixed order, to compare."""
    database: Database = app.state.database
    async with database._reader.connect() as connection:
        rows = {
            table.name: sorted(repr(tuple(row)) for row in await connection.execute(select(table)))
            for table in Base.metadata.sorted_tables
        }
        return {**rows, JOBS: sorted(repr(dict(row)) for row in await _jobs(connection, database))}


async def _jobs(connection: AsyncConnection, database: Database) -> Sequence[RowMapping]:
    """Return the jobs, of which nothing but this is ever changed."""
    found = await connection.execute(select(Job.id.label("id"), Job.status), execution_options=_options(database))
    return [row._mapping for row in found]


def _options(database: Database) -> dict[str, Any]:
    """Say where the tables of the jobs are."""
    return {"schema_translate_map": {SCHEMA: None}} if database.is_sqlite else {}
