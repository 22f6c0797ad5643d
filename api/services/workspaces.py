"""Workspaces."""

from collections.abc import Sequence
from uuid import UUID

from api.core.actor import Actor, require_user, require_writing
from api.core.errors import conflict
from api.core.pages import PageArguments
from api.core.permissions import Permission
from api.schemas.workspaces import WorkspaceCreate, WorkspaceUpdate
from api.services import access, attachments, log, own_log
from api.services.edits import Expected, apply, check_version, sent
from api.services.idempotency import idempotent
from db.models import Member, Role, User, Workspace
from db.models.base import new_id
from db.paging import Page
from db.repositories import invitations, members, own_logs, tombstones, workspaces
from db.repositories.own_logs import Audience
from db.unit_of_work import ReadUnit, UnitOfWork


@idempotent
async def create_workspace(uow: UnitOfWork, actor: Actor, data: WorkspaceCreate) -> Workspace:
    """Create a workspace; the caller becomes its first admin.

    Creating an id again that one created before answers with that workspace, as it is now: of two
    at once, the later one waits for the caller's account.

    Raises:
        AppError: CONFLICT if the id belongs to a workspace that the caller cannot see; FORBIDDEN for an API key that
            may only read or is for one workspace.
    """
    require_writing(require_user(actor), anywhere=True)
    user = await access.lock_caller(uow, actor)
    if data.id is not None:
        present = await workspaces.find(uow.session, user.id, data.id)
        if present is not None:
            return present
    workspace = Workspace(id=data.id or new_id(), name=data.name)
    member = Member(workspace_id=workspace.id, user=user, role=Role.ADMIN)
    await own_log.hold(uow, own_logs.only(user.id))
    await uow.session.insert(workspace, member)
    await log.record(uow, actor, workspace.id, [log.created(workspace), log.created(member)])
    await own_log.tell(uow, actor, own_log.came(member, workspace))
    return workspace


async def get_workspace(uow: ReadUnit, actor: Actor, workspace_id: UUID) -> Workspace:
    """Return a workspace of the caller."""
    return await access.see(uow, actor, workspace_id)


async def get_workspaces(uow: ReadUnit, actor: Actor, ids: Sequence[UUID]) -> Sequence[Workspace | None]:
    """Return those of the workspaces that the caller may see, in the order of the ids."""
    rows = await workspaces.find_many(uow.session, actor.scope(), list(set(ids)))
    found = {workspace.id: workspace for workspace in rows}
    return [found.get(workspace_id) for workspace_id in ids]


async def list_workspaces(uow: ReadUnit, actor: Actor, *, page: PageArguments) -> Page[Workspace]:
    """Return one page of the caller's workspaces, oldest first."""
    return await workspaces.page(uow.session, actor.scope(), page.of(workspaces.BY_CREATED))


async def list_workspaces_of_users(
    uow: ReadUnit, actor: Actor, users: Sequence[UUID], *, page: PageArguments
) -> Sequence[Page[Workspace]]:
    """Return, per user, one page of the workspaces it shares with the caller."""
    return await workspaces.pages_of_users(uow.session, actor.scope(), users, page.of(workspaces.BY_CREATED))


async def get_roles(uow: ReadUnit, actor: Actor, ids: Sequence[UUID]) -> Sequence[Role | None]:
    """Return the caller's role in each of the workspaces."""
    roles = await members.roles(uow.session, require_user(actor).id, list(set(ids)))
    return [roles.get(workspace_id) for workspace_id in ids]


@idempotent
async def update_workspace(
    uow: UnitOfWork, actor: Actor, workspace_id: UUID, data: WorkspaceUpdate, *, expected_version: Expected = None
) -> Workspace:
    """Change a workspace, for its admins."""
    workspace, _ = await access.enter(uow, actor, workspace_id, Permission.MANAGE)
    check_version(workspace, expected_version)
    before, whose = log.snapshot(workspace), invitations.into([workspace.id])
    await own_log.hold(uow, own_logs.members_of(workspace.id), own_logs.invited_into([workspace.id]))
    asked = await own_log.open_invitations(uow, whose)
    if apply(workspace, sent(data)):
        await uow.session.flush()
        entry = log.updated(workspace, before)
        await log.record(uow, actor, workspace.id, [entry])
        renamed = own_log.differences(asked, await own_log.open_invitations(uow, whose))
        await own_log.tell(uow, actor, own_log.to_members(workspace, entry), *renamed)
    return workspace


@idempotent
async def delete_workspace(uow: UnitOfWork, actor: Actor, workspace_id: UUID) -> None:
    """Delete a workspace with all it holds, for its admins.

    Raises:
        AppError: CONFLICT for a personal workspace, which goes with its account.
    """
    workspace, _ = await access.enter(uow, actor, workspace_id, Permission.MANAGE)
    if workspace.personal:
        raise conflict("A personal workspace is deleted with its account only.")
    await own_log.hold(uow, *_concerned([workspace.id]), own_logs.members_of(workspace.id))
    asked = await own_log.open_invitations(uow, invitations.into([workspace.id]))
    told = own_log.to_members(workspace, log.deleted(workspace))
    # Before they are members no longer.
    await own_log.tell(uow, actor, told, *own_log.differences(asked, {}))
    await _erase(uow, actor, workspace)
    await own_logs.forget(uow.session, [workspace.id])


async def leave_all(uow: UnitOfWork, actor: Actor, user: User) -> None:
    """Take a user out of every workspace; those where it was alone are deleted.

    Raises:
        AppError: CONFLICT, with the ids, if the user is the last admin of workspaces with other members.
    """
    stuck: list[str] = []
    entered = await access.enter_all_of(uow, user)
    ids = [workspace.id for workspace in entered]
    # Its own log goes with the account, and is locked together with the others.
    homes = [own_logs.members_of(workspace.id) for workspace in entered if workspace.personal]
    await own_log.hold(uow, own_logs.only(user.id), *_concerned(ids), *homes)
    places = invitations.into(ids)
    asked = await own_log.open_invitations(uow, places)
    tellings: list[own_log.Telling] = []
    erased: list[UUID] = []
    for workspace in entered:
        member = await members.find(uow.session, workspace.id, user.id)
        if member is None:
            continue
        if await members.count_all(uow.session, workspace.id) == 1:
            await _erase(uow, actor, workspace)
            erased.append(workspace.id)
        elif member.role is Role.ADMIN and await members.count_admins(uow.session, workspace.id) == 1:
            stuck.append(str(workspace.id))
        else:
            tellings += await _leave(uow, actor, workspace, member)
    if stuck:
        raise conflict(
            "The user is the last admin of workspaces with other members; make somebody else admin there first.",
            workspace_ids=stuck,
        )
    tellings += own_log.differences(asked, await own_log.open_invitations(uow, places))
    await own_log.tell(uow, actor, *tellings)
    await own_logs.forget(uow.session, erased)


def _concerned(workspace_ids: Sequence[UUID]) -> Sequence[Audience]:
    """Return whose logs tell of workspaces, or will when these are deleted, except for their members."""
    return own_logs.invited_into(workspace_ids), own_logs.who_heard_of(workspace_ids)


async def _leave(uow: UnitOfWork, actor: Actor, workspace: Workspace, member: Member) -> Sequence[own_log.Telling]:
    """Take a member out, and return what those who stay are told if it was the member's personal workspace."""
    entries = [log.deleted(member)]
    await uow.session.delete(member)
    if workspace.personal and member.user.personal_workspace_id == workspace.id:
        before = log.snapshot(workspace)
        apply(workspace, {"personal": False})
        await uow.session.flush()
        entries.append(log.updated(workspace, before))
    await log.record(uow, actor, workspace.id, entries)
    return [own_log.to_members(workspace, entry) for entry in entries[1:]]


async def _erase(uow: UnitOfWork, actor: Actor, workspace: Workspace) -> None:
    """Empty the workspace down to a marker and the last entry of its log, which says that it is gone."""
    await tombstones.add_for_all(uow.session, workspace.id)
    await attachments.forget_all_files(uow, workspace.id)
    await workspaces.empty(uow.session, workspace.id)
    await workspaces.mark_deleted(uow.session, workspace)
    # Only now, or the entry would keep the name, which is a person's in a personal workspace.
    await log.record(uow, actor, workspace.id, [log.deleted(workspace)])
