"""Queries on members."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from sqlalchemy import JSON, Select, Uuid, and_, cast, func, literal, select, tuple_
from sqlalchemy.orm import joinedload

from db.json_texts import JsonTexts
from db.models import ApiKey, Member, Role, User, UserSession
from db.paging import Nested, Page, PageRequest, Sort, fetch_page, fetch_pages
from db.repositories import api_keys, sessions
from db.repositories.workspaces import readable
from db.scope import Scope
from db.session import ReadSession

WITH_USER = joinedload(Member.user, innerjoin=True)
BY_CREATED: Sort[Member] = Sort("created", Member.created_at, Member.user_id)


def visible(scope: Scope) -> Select[Member]:
    """Select the members of the workspaces that the scope may see."""
    return select(Member).options(WITH_USER).where(readable(scope, Member.workspace_id.expression))


async def find(session: ReadSession, workspace_id: UUID, user_id: UUID) -> Member | None:
    """Return the member as it is now, even if it was read before in this transaction."""
    return await session.one_or_none(
        select(Member)
        .options(WITH_USER)
        .where(Member.workspace_id == workspace_id, Member.user_id == user_id)
        .execution_options(populate_existing=True)
    )


async def all_of(session: ReadSession, user_id: UUID) -> Sequence[Member]:
    """Return all memberships of a user, in the order of the workspaces' ids."""
    return await session.all(
        select(Member)
        .options(WITH_USER)
        .where(Member.user_id == user_id)
        .order_by(Member.workspace_id)
        .execution_options(populate_existing=True)
    )


async def find_by_email(session: ReadSession, workspace_id: UUID, email: str) -> Member | None:
    """Return the member who has an address, in the form in which it is stored."""
    return await session.one_or_none(
        select(Member)
        .join(User, User.id == Member.user_id)
        .options(WITH_USER)
        .where(Member.workspace_id == workspace_id, User.email == email)
    )


async def find_caller(
    session: ReadSession, workspace_id: UUID, user_id: UUID, proof_id: UUID | None, *, by_key: bool
) -> tuple[Member, UUID | None] | None:
    """Return the member as `find` does, and the id of the session or API key if it is the user's and lives."""
    proof, lives = (ApiKey, api_keys.lives()) if by_key else (UserSession, sessions.lives())
    rows = await session.rows(
        select(Member, proof.id)
        .options(WITH_USER)
        .outerjoin(proof, and_(proof.user_id == Member.user_id, proof.id == proof_id, lives))
        .where(Member.workspace_id == workspace_id, Member.user_id == user_id)
        .execution_options(populate_existing=True)
    )
    return (rows[0][0], rows[0][1]) if rows else None


async def find_many(session: ReadSession, scope: Scope, keys: Collection[tuple[UUID, UUID]]) -> Sequence[Member]:
    """Return those of the members, named by workspace and user, that the scope may see, in no order."""
    return await session.all(visible(scope).where(tuple_(Member.workspace_id, Member.user_id).in_(keys)))


async def roles(session: ReadSession, user_id: UUID, workspace_ids: Sequence[UUID]) -> Mapping[UUID, Role]:
    """Return the role of one user in each of the workspaces it belongs to."""
    statement = select(Member.workspace_id, Member.role).where(
        Member.user_id == user_id, Member.workspace_id.in_(workspace_ids)
    )
    return {row.workspace_id: row.role for row in await session.rows(statement)}


async def count_admins(session: ReadSession, workspace_id: UUID) -> int:
    """Return how many admins the workspace has."""
    return await session.one(
        select(func.count()).select_from(Member).where(Member.workspace_id == workspace_id, Member.role == Role.ADMIN)
    )


async def admins_with_address(session: ReadSession, workspace_id: UUID) -> Sequence[UUID]:
    """Return the ids of the workspace's admins who proved to read their address and are not disabled."""
    statement = (
        select(User.id)
        .join(Member, Member.user_id == User.id)
        .where(Member.workspace_id == workspace_id, Member.role == Role.ADMIN)
        .where(User.email_verified_at.is_not(None), User.disabled.is_(False))
        .order_by(User.id)
    )
    return await session.all(statement)


async def count_all(session: ReadSession, workspace_id: UUID) -> int:
    """Return how many members the workspace has."""
    return await session.one(select(func.count()).select_from(Member).where(Member.workspace_id == workspace_id))


async def first_admin(session: ReadSession, workspace_id: UUID) -> User | None:
    """Return the longest-serving admin of a workspace."""
    return await session.one_or_none(
        select(User)
        .join(Member, Member.user_id == User.id)
        .where(Member.workspace_id == workspace_id, Member.role == Role.ADMIN)
        .order_by(Member.created_at, Member.user_id)
        .limit(1)
    )


async def page(session: ReadSession, scope: Scope, workspace_id: UUID, request: PageRequest[Member]) -> Page[Member]:
    """Return one page of a workspace's members."""
    return await fetch_page(session, visible(scope).where(Member.workspace_id == workspace_id), request)


async def pages_of_workspaces(
    session: ReadSession, scope: Scope, workspaces: Sequence[UUID], request: PageRequest[Member]
) -> Sequence[Page[Member]]:
    """Return one page of members per workspace."""
    pages = await fetch_pages(session, Nested(visible(scope), Member.workspace_id, workspaces, (WITH_USER,)), request)
    return [pages[workspace] for workspace in workspaces]


async def existing(session: ReadSession, pairs: Collection[tuple[UUID, UUID]]) -> set[tuple[UUID, UUID]]:
    """Return those of the pairs of a workspace and a user that are memberships.

    The pairs travel as one value, however many they are: a list in the statement would be planned and bound one
    by one, and SQLite would look through the whole table for it.
    """
    texts = literal([workspace_id.hex + user_id.hex for workspace_id, user_id in pairs], JSON)
    asked = JsonTexts(texts).table_valued("value")
    workspace_id, user_id = func.substr(asked.c.value, 1, 32), func.substr(asked.c.value, 33)
    statement = select(Member.workspace_id, Member.user_id).where(
        Member.workspace_id == cast(workspace_id, Uuid), Member.user_id == cast(user_id, Uuid)
    )
    return {(row.workspace_id, row.user_id) for row in await session.rows(statement)}
