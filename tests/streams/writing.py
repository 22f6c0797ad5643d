"""Changes made through the services, for tests that watch them."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from fastapi import FastAPI

from api.schemas.items import ItemCreate
from api.services.items import create_item
from api.services.members import remove_member
from api.services.workspaces import get_workspace
from db.engine import Database
from db.models import Item
from tests.doors.people import World

T = TypeVar("T")

NEVER = 600.0
"""A beat in seconds that no test waits for."""


async def write(app: FastAPI, service: Callable[..., Awaitable[T]], *arguments: Any, **named: Any) -> T:
    """Call a service function in a transaction of its own."""
    database: Database = app.state.database
    async with database.write() as uow:
        return await service(uow, *arguments, **named)


async def add_item(app: FastAPI, world: World, title: str = "Buy seeds", **values: Any) -> Item:
    """Let the editor create an item."""
    return await write(
        app, create_item, world.editor.actor, ItemCreate(workspace_id=world.workspace, title=title, **values)
    )


async def last_seq(app: FastAPI, world: World) -> int:
    """Return the number of the last change."""
    database: Database = app.state.database
    async with database.read() as uow:
        return (await get_workspace(uow, world.admin.actor, world.workspace)).seq


async def add_items(app: FastAPI, world: World, number: int) -> int:
    """Create items one by one and return the last number of the log."""
    database: Database = app.state.database
    seq = 0
    for index in range(number):
        async with database.write() as uow:
            data = ItemCreate(workspace_id=world.workspace, title=f"Item {index}")
            await create_item(uow, world.editor.actor, data)
        seq = uow.last_seqs[world.workspace]
    return seq


def numbers(first: int, last: int) -> Sequence[int]:
    return list(range(first, last + 1))


async def remove_viewer(app: FastAPI, world: World) -> int:
    async with app.state.database.write() as uow:
        await remove_member(uow, world.admin.actor, world.workspace, world.viewer.id)
    seq: int = uow.last_seqs[world.workspace]
    return seq
