"""Every row there is, past all services: to compare, and to put back."""

from typing import Any

from fastapi import FastAPI
from sqlalchemy import delete, insert, select

from db.engine import Database
from db.models import Base, UserSession

Rows = dict[str, list[dict[str, Any]]]


async def take_rows(app: FastAPI) -> Rows:
    """Return all rows by table, with the values that either database would take back."""
    database: Database = app.state.database
    async with database._reader.connect() as connection:
        return {
            table.name: [dict(row) for row in (await connection.execute(select(table))).mappings()]
            for table in Base.metadata.sorted_tables
        }


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
        return {
            table.name: sorted(repr(tuple(row)) for row in await connection.execute(select(table)))
            for table in Base.metadata.sorted_tables
        }
