"""Entering a workspace: the one place where roles are checked."""

from uuid import UUID

from api.core.actor import Actor, UserActor
from api.core.errors import forbidden, invalid, not_found
from api.core.permissions import LEAST_ROLE, Permission, allows
from db.models import Member, Workspace
from db.repositories import members, workspaces
from db.repositories.workspaces import WorkspaceId
from db.scope import EVERYTHING
from db.unit_of_work import ReadUnit, UnitOfWork


async def enter(
    uow: UnitOfWork, actor: Actor, workspace_id: WorkspaceId, permission: Permission, *, what: str = "workspace"
) -> tuple[Workspace, Member | None]:
    """Lock a workspace for writing and check that the actor may do it.

    Every write begins here. With the lock held nothing in the workspace changes but by this
    transaction, so whatever is read after it (a version, a role, the last admin) stays true.

    Returns:
        The workspace, and the actor as its member; None for the system, which needs to be none.

    Raises:
        AppError: UNAUTHENTICATED; NOT_FOUND about `what` for a stranger; FORBIDDEN for too low a role.
    """
    scope = actor.scope()
    workspace = await workspaces.lock(uow.session, scope, workspace_id)
    if workspace is None:
        raise not_found(what)
    if scope is EVERYTHING:
        return workspace, None
    member = await members.find(uow.session, workspace.id, scope)
    if member is None:
        raise not_found(what)
    check_role(member, permission)
    return workspace, member


def check_role(member: Member, permission: Permission) -> None:
    """Refuse a member whose role is too low.

    Raises:
        AppError: FORBIDDEN.
    """
    if not allows(member.role, permission):
        raise forbidden(f"You are {member.role} in this workspace; this needs {LEAST_ROLE[permission]}.")


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
    """Return the workspace that was named, or else the actor's personal one.

    Raises:
        AppError: UNAUTHENTICATED; VALIDATION_ERROR for the system, which has none.
    """
    actor.scope()
    if workspace_id is not None:
        return workspace_id
    if isinstance(actor, UserActor):
        return actor.personal_workspace_id
    raise invalid([("workspace_id", "It is needed")])
