"""The people of the scenarios."""

from dataclasses import dataclass, replace
from uuid import UUID

from fastapi import FastAPI

from api.core.actor import SYSTEM, Actor, Anonymous, UserActor
from api.core.identity import Identity
from api.core.tokens import Tokens
from api.schemas.sessions import Login
from api.schemas.users import UserCreate
from api.schemas.workspaces import MemberAdd, WorkspaceCreate
from api.services.auth import login
from api.services.members import add_member
from api.services.users import create_user
from api.services.workspaces import create_workspace
from db.clock import utc_now
from db.engine import Database
from db.models import Role, UserRole, UserSession
from db.models.base import new_id
from tests.doors.rows import Rows, add_rows, take_rows

PASSWORD = "Correct horse 1"


@dataclass(frozen=True)
class Person:
    """Somebody with an account and a token."""

    id: UUID
    name: str
    email: str
    token: str
    session: UUID
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
        session = UserSession(
            id=new_id(),
            user_id=user.id,
            last_used_at=utc_now(),
            expires_at=utc_now() + identity.refresh_tokens.lifetime,
            refresh_hash=bytes(32),
        )
        await uow.session.insert(session)
    assert user.personal_workspace_id is not None
    token = identity.tokens.issue(user.id, session.id)
    actor = UserActor(user.id, user.role, user.personal_workspace_id, session.id)
    return Person(user.id, user.name, user.email or "", token, session.id, user.personal_workspace_id, actor)


async def sign_in(app: FastAPI, person: Person) -> tuple[str, UUID]:
    """Begin another session; return its refresh token and its id."""
    identity: Identity = app.state.identity
    async with app.state.database.write() as uow:
        data = Login(email=person.email, password=PASSWORD)
        answer = await login(uow, Anonymous(), data, identity=identity)
    assert answer.refresh_token is not None
    return answer.refresh_token, identity.tokens.read(answer.access_token).session_id


_made: list[tuple[World, Rows]] = []


async def make_world(app: FastAPI) -> World:
    """Create the people and their workspace.

    The services make them once; every other database of this process gets the same rows, which is
    five times as quick. The tokens are new each time: a run may take longer than they count.
    """
    if _made:
        world, rows = _made[0]
        await add_rows(app, rows)
        return _with_new_tokens(world, app.state.identity.tokens)
    before = await take_rows(app)
    world = await _make_world(app)
    if not any(before.values()):
        _made.append((world, await take_rows(app)))
    return world


def _with_new_tokens(world: World, tokens: Tokens) -> World:
    def fresh(person: Person) -> Person:
        return replace(person, token=tokens.issue(person.id, person.session))

    return replace(
        world,
        admin=fresh(world.admin),
        editor=fresh(world.editor),
        viewer=fresh(world.viewer),
        stranger=fresh(world.stranger),
        administrator=fresh(world.administrator),
    )


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
