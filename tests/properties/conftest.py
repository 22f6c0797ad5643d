"""One event loop and one database for all examples of a property."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import pytest

from api.core.actor import Actor, UserActor
from db.engine import Database
from db.models import Item, Member, Role, User, UserRole, Workspace
from db.unit_of_work import UnitOfWork

T = TypeVar("T")


@dataclass(frozen=True)
class Ground:
    """A database with one editor in one workspace, and a loop to work on it from plain functions."""

    database: Database
    run: Callable[[Coroutine[Any, Any, Any]], Any]
    workspace: UUID
    editor: UUID
    other: UUID

    @property
    def actor(self) -> Actor:
        """Whoever calls."""
        return UserActor(self.editor, UserRole.MEMBER, self.workspace)

    @asynccontextmanager
    async def undone(self, *rows: Item) -> AsyncIterator[UnitOfWork]:
        """Open a transaction on these items that is rolled back, so that examples leave nothing behind."""
        try:
            async with self.database.write() as uow:
                await uow.session.insert(*rows)
                yield uow
                raise _UndoError  # noqa: TRY301 - what the block itself is for
        except _UndoError:
            pass


class _UndoError(Exception):
    pass


@pytest.fixture
def ground(database_url: str) -> Iterator[Ground]:
    """The ground of a property, on each database."""
    with asyncio.Runner() as runner:
        database = Database(database_url)
        workspace, editor, other = Workspace(name="w"), User(name="e"), User(name="o")

        async def prepare() -> None:
            async with database.write() as uow:
                await uow.session.insert(workspace, editor, other)
                for user in (editor, other):
                    await uow.session.insert(Member(workspace_id=workspace.id, user_id=user.id, role=Role.EDITOR))

        runner.run(prepare())
        yield Ground(database, runner.run, workspace.id, editor.id, other.id)
        runner.run(database.dispose())
