"""Changes made through the services, for tests that watch them."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi import FastAPI

from api.schemas.items import ItemCreate
from api.services.items import create_item
from api.services.workspaces import get_workspace
from db.engine import Database
from db.models import Item
from tests.doors.people import World

T = TypeVar("T")


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
