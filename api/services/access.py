"""Entering a workspace or an account: the one place where locks are taken, and rights are judged once they are held.

The order of locks is the same for every operation, so that no two of them ever wait for each other
(PostgreSQL manual, 13.3.4; on SQLite a writer has the whole database to itself):

1. accounts, by id, all in one statement: `enter_account`, `enter_own_account`, `lock_caller`, `hold_actor`,
   `enter(newcomer=…)`;
   who locked an account makes and ends its sessions, API keys, second step and identity, and nobody else does but the
   sweep, which waits for nobody;
2. workspaces, by id: `enter`, `enter_invited`, and `enter_all_of` for all that an account belongs to;
3. logs of accounts, by the account's id, all in one statement: `own_log.hold`;
4. nothing more: what is in a workspace is written by whoever holds the workspace. Only how far its webhooks are
   is written by jobs, which lock one webhook and want nothing else; whoever edits one waits for them last.

Foreign keys to an account wait for nobody but who changes its address or deletes it, and such a row is
written last, when its transaction has nothing left to wait for. The same is true of a new id or address
that another transaction is just writing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from api.core.actor import Actor, UserActor, refuse_keys, require_person, require_user, require_writing
from api.core.errors import forbidden, invalid, not_found, unauthenticated
from api.core.permissions import LEAST_ROLE, Permission, allows
from db.models import Member, Role, User, UserRole, Workspace
from db.repositories import api_keys, members, sessions, users, workspaces
from db.repositories.users import Standing
from db.repositories.workspaces import WorkspaceId
from db.scope import EVERYTHING
from db.unit_of_work import ReadUnit, UnitOfWork

A = TypeVar("A", bound=Actor)

_A: Mapping[Role, str] = {Role.VIEWER: "a viewer", Role.EDITOR: "an editor", Role.ADMIN: "an admin"}

GONE = "The account of this access token no longer exists."
ENDED = "The session of this access token has ended. Sign in again."
KEY_ENDED = "The API key was revoked or has expired."


async def enter(
    uow: UnitOfWork,
    actor: Actor,
    workspace_id: WorkspaceId,
    permission: Permission,
    *,
    what: str = "workspace",
    newcomer: UUID | None = None,
) -> tuple[Workspace, Member | None]:
    """Lock a workspace for writing and check that the actor may do it.

    Every write in a workspace begins here. With the lock held nothing in it changes but by this
    transaction, so whatever is read after it (a version, a role, the last admin) stays true. The
    account of a `newcomer` is held: it stays until the end of the transaction, or is gone already.

    Returns:
        The workspace, and the actor as its member; None for the system, which needs to be none.

    Raises:
        AppError: UNAUTHENTICATED, also if the account or token ended meanwhile; NOT_FOUND about `what`
            for a stranger; FORBIDDEN for too low a role, and for an API key that may only read.
    """
    scope = actor.scope()
    require_writing(actor)
    if newcomer is not None:
        await users.hold(uow.session, newcomer)
    workspace = await workspaces.lock(uow.session, scope, workspace_id)
    if scope is not EVERYTHING:
        return await _check_member(uow, actor, workspace, permission, what)
    if workspace is None:
        raise not_found(what)
    return workspace, None


async def enter_invited(uow: UnitOfWork, workspace_id: WorkspaceId) -> Workspace | None:
    """Lock a workspace for what an invitation into it allows, which is to be judged once the lock is held."""
    return await workspaces.lock(uow.session, EVERYTHING, workspace_id)


async def check(
    uow: ReadUnit, actor: Actor, workspace_id: UUID, permission: Permission, *, to_write: bool = False
) -> None:
    """Refuse who may not do it, without a lock: who only looks, or `to_write`, what must not even be begun.

    Raises:
        AppError: as `enter`; an API key that may only read is refused only what is to be written.
    """
    actor.scope()
    if to_write:
        require_writing(actor)
    workspace = await see(uow, actor, workspace_id)
    if actor.scope() is not EVERYTHING:
        await _check_member(uow, actor, workspace, permission, "workspace")


async def enter_all_of(uow: UnitOfWork, user: User) -> Sequence[Workspace]:
    """Lock all workspaces of a user whose account is locked: no other can be added meanwhile."""
    return await workspaces.lock_all_of(uow.session, user.id)


async def enter_own_account(uow: UnitOfWork, actor: Actor) -> User:
    """Lock the caller's own account and return it, to change what belongs to the account.

    Raises:
        AppError: UNAUTHENTICATED; FORBIDDEN for an API key.
    """
    return await lock_caller(uow, require_person(actor))


async def lock_caller(uow: UnitOfWork, actor: Actor) -> User:
    """Lock the caller's own account and return it, for what the caller does elsewhere.

    Raises:
        AppError: UNAUTHENTICATED.
    """
    caller = require_user(actor)
    return await _judge(uow, caller, await users.lock(uow.session, caller.id))


async def enter_account(uow: UnitOfWork, actor: Actor, user_id: UUID) -> tuple[User, Sequence[User]]:
    """Lock an account for an administrator.

    Returns:
        The account, and all administrators that can sign in, locked too: two of them cannot leave at once.

    Raises:
        AppError: UNAUTHENTICATED or FORBIDDEN, also if the right ended meanwhile; NOT_FOUND.
    """
    refuse_keys(actor)
    locked = {user.id: user for user in await users.lock_with_administrators(uow.session, user_id)}
    if isinstance(actor, UserActor):
        own = locked.get(actor.id) or await users.find(uow.session, actor.id)
        actor = replace(actor, role=(await _judge(uow, actor, own)).role)
    actor.require_administrator()
    if user_id not in locked:
        raise not_found("user")
    administrators = [user for user in locked.values() if user.role is UserRole.ADMIN and not user.disabled]
    return locked[user_id], administrators


async def hold_actor(uow: UnitOfWork, actor: A) -> A | UserActor:
    """Return the actor as its account stands now, and will until the end of the transaction.

    Raises:
        AppError: UNAUTHENTICATED.
    """
    if not isinstance(actor, UserActor):
        return actor
    user = await _judge(uow, actor, await users.hold(uow.session, actor.id))
    return replace(actor, role=user.role)


def objection(standing: Standing | None, *, by_key: bool) -> str | None:
    """Return why who stands like this counts no more, or None if it does; `by_key` if it calls by an API key."""
    if standing is None or standing.is_deleted:
        return GONE
    if standing.is_disabled:
        return "The account is disabled."
    if standing.is_signed_in:
        return None
    return KEY_ENDED if by_key else ENDED


async def _judge(uow: ReadUnit, actor: UserActor, user: User | None) -> User:
    """Return the actor's account unless its right ended: it may have waited since it was recognised."""
    if actor.key is not None:
        lives = await api_keys.is_living(uow.session, actor.key.id)
    else:
        lives = actor.session_id is None or await sessions.is_living(uow.session, actor.session_id)
    return _admit(actor, user, is_signed_in=lives)


def _admit(actor: UserActor, user: User | None, *, is_signed_in: bool) -> User:
    standing = None if user is None else users.standing_of(user, is_signed_in=is_signed_in)
    reason = objection(standing, by_key=actor.key is not None)
    if user is None or reason is not None:
        raise unauthenticated(reason or GONE)
    return user


async def _check_member(
    uow: ReadUnit, actor: Actor, workspace: Workspace | None, permission: Permission, what: str
) -> tuple[Workspace, Member]:
    caller = require_user(actor)
    found = None
    if workspace is not None:
        by_key = caller.key is not None
        found = await members.find_caller(uow.session, workspace.id, caller.id, caller.proof_id, by_key=by_key)
    if workspace is None or found is None:
        # Whose account is gone has lost its memberships as well, and is told so.
        await _judge(uow, caller, await users.find(uow.session, caller.id))
        raise not_found(what)
    member, proof_id = found
    _admit(caller, member.user, is_signed_in=proof_id == caller.proof_id)
    check_role(member, permission)
    return workspace, member


def check_role(member: Member, permission: Permission) -> None:
    """Refuse a member whose role is too low.

    Raises:
        AppError: FORBIDDEN.
    """
    if not allows(member.role, permission):
        raise forbidden(f"You are {_A[member.role]} here; this needs {_A[LEAST_ROLE[permission]]}.")


async def see(uow: ReadUnit, actor: Actor, workspace_id: UUID) -> Workspace:
    """Return a workspace that the actor may read.

    Raises:
        AppError: UNAUTHENTICATED or NOT_FOUND.
    """
    workspace = await workspaces.find(uow.session, actor.scope(), workspace_id)
    if workspace is None:
        raise not_found("workspace")
    return workspace


def or_personal(actor: Actor, workspace_id: UUID | None) -> UUID:
    """Return the workspace that was named, or else that of the actor's API key, or its personal one.

    Raises:
        AppError: UNAUTHENTICATED; VALIDATION_ERROR for the system, which has none.
    """
    actor.scope()
    if workspace_id is not None:
        return workspace_id
    if isinstance(actor, UserActor):
        return actor.home
    raise invalid([("workspace_id", "It is needed")])
