"""The people of the scenarios."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from fastapi import FastAPI

from api.core.actor import SYSTEM, Actor, UserActor
from api.core.identity import Identity
from api.schemas.users import UserCreate
from api.schemas.workspaces import MemberAdd, WorkspaceCreate
from api.services.members import add_member
from api.services.users import create_user
from api.services.workspaces import create_workspace
from db.engine import Database
from db.models import Role, UserRole
from tests.doors.rows import Rows, add_rows, take_rows

PASSWORD = "Correct horse 1"


@dataclass(frozen=True)
class Person:
    """Somebody with an account and a token."""

    id: UUID
    name: str
    email: str
    token: str
    home: UUID
    actor: Actor

    @property
    def personal_workspace_id(self) -> UUID:
        """The workspace that came with the account."""
        return self.home


@dataclass(frozen=True)
class World:
    """One workspace with an admin, an editor and a viewer; a stranger and an administrator outside it."""

    workspace: UUID
    admin: Person
    editor: Person
    viewer: Person
    stranger: Person
    administrator: Person


async def make_person(app: FastAPI, name: str, role: UserRole = UserRole.MEMBER) -> Person:
    """Create an account, `name@example.com`."""
    database: Database = app.state.database
    identity: Identity = app.state.identity
    data = UserCreate(
        name=name.capitalize(),
        email=f"{name}@example.com",
        password=PASSWORD,
        password_confirm=PASSWORD,
        role=role,
    )
    async with database.write() as uow:
        user = await create_user(uow, SYSTEM, data, identity=identity)
    assert user.personal_workspace_id is not None
    token = identity.tokens.issue(user.id, user.token_generation)
    actor = UserActor(user.id, user.role, user.personal_workspace_id)
    return Person(user.id, user.name, user.email or "", token, user.personal_workspace_id, actor)


_made: dict[tuple[str, timedelta], tuple[World, Rows]] = {}


async def make_world(app: FastAPI) -> World:
    """Create the people and their workspace.

    The services make them once; every other database of this process gets the same rows, which is
    five times as quick. The tokens are part of the world, so the secret must be the same.
    """
    tokens = app.state.identity.tokens
    key = (tokens._secret, tokens.lifetime)
    if key in _made:
        world, rows = _made[key]
        await add_rows(app, rows)
        return world
    before = await take_rows(app)
    world = await _make_world(app)
    if not any(before.values()):
        _made[key] = world, await take_rows(app)
    return world


async def _make_world(app: FastAPI) -> World:
    administrator = await make_person(app, "root", UserRole.ADMIN)
    admin, editor, viewer, stranger = [
        await make_person(app, name) for name in ("admin", "editor", "viewer", "stranger")
    ]
    database: Database = app.state.database
    async with database.write() as uow:
        workspace = await create_workspace(uow, admin.actor, WorkspaceCreate(name="Garden"))
        for person, role in ((editor, Role.EDITOR), (viewer, Role.VIEWER)):
            await add_member(uow, admin.actor, workspace.id, MemberAdd(user_id=person.id, role=role))
    return World(workspace.id, admin, editor, viewer, stranger, administrator)
