"""Members of workspaces."""

from collections.abc import Sequence
from uuid import UUID

from api.core.actor import Actor
from api.core.errors import AppError, ErrorCode, conflict, not_found
from api.core.pages import PageArguments
from api.core.permissions import Permission
from api.schemas.jobs import MembershipNews, TellOfMembership
from api.schemas.workspaces import MemberAdd, MemberUpdate
from api.services import access, log, own_log
from api.services.edits import apply, sent
from api.services.idempotency import idempotent
from api.services.jobs import enqueue
from api.services.users import known_to
from db.models import EntityKind, Member, Role, User, Workspace
from db.paging import Page
from db.repositories import invitations, members, own_logs, users
from db.unit_of_work import ReadUnit, UnitOfWork

NOT_KNOWN = "You share no workspace with anybody who has this address. Invite it with `invite_member`."


async def list_members(uow: ReadUnit, actor: Actor, workspace_id: UUID, *, page: PageArguments) -> Page[Member]:
    """Return one page of a workspace's members, in the order in which they came."""
    await access.see(uow, actor, workspace_id)
    return await members.page(uow.session, actor.scope(), workspace_id, page.of(members.BY_CREATED))


async def list_members_of_workspaces(
    uow: ReadUnit, actor: Actor, workspaces: Sequence[UUID], *, page: PageArguments
) -> Sequence[Page[Member]]:
    """Return one page of members per workspace."""
    return await members.pages_of_workspaces(uow.session, actor.scope(), workspaces, page.of(members.BY_CREATED))


@idempotent
async def add_member(uow: UnitOfWork, actor: Actor, workspace_id: UUID, data: MemberAdd) -> Member:
    """Let a user in, for admins of the workspace.

    By address are found those that the caller shares a workspace with, and by administrators all: whoever else has
    an account is nobody's business, and is invited.

    Raises:
        AppError: NOT_FOUND without such an account; CONFLICT if it is a member already.
    """
    # Nobody else gets as far as to hold an account.
    await access.check(uow, actor, workspace_id, Permission.MANAGE, to_write=True)
    found = await _find_user(uow, actor, data)
    # Whoever deletes the account at this moment must either be done, or find this membership too.
    workspace, _ = await access.enter(uow, actor, workspace_id, Permission.MANAGE, newcomer=found.id)
    user = await users.find(uow.session, found.id)
    if user is None:
        raise not_found("user")
    if await members.find(uow.session, workspace.id, user.id) is not None:
        raise conflict("The user is a member already.")
    return await let_in(uow, actor, workspace, user, data.role)


async def let_in(uow: UnitOfWork, actor: Actor, workspace: Workspace, user: User, role: Role) -> Member:
    """Make a user a member of a locked workspace. Whatever invitation there was for its address has done its work."""
    await own_log.hold(uow, own_logs.only(user.id))
    version = await log.first_version(uow, EntityKind.MEMBER, user.id, workspace_id=workspace.id)
    member = Member(workspace_id=workspace.id, user=user, role=role, version=version)
    await uow.session.insert(member)
    invitation = await invitations.find_for(uow.session, workspace.id, user.email or "")
    tellings = [] if invitation is None else [own_log.uninvited(invitation)]
    if invitation is not None:
        await uow.session.delete(invitation)
    await log.record(uow, actor, workspace.id, [log.created(member)])
    await own_log.tell(uow, actor, *tellings, own_log.came(member, workspace))
    await _write_to(uow, actor, user, MembershipNews.ADDED)
    return member


@idempotent
async def update_member(uow: UnitOfWork, actor: Actor, workspace_id: UUID, user_id: UUID, data: MemberUpdate) -> Member:
    """Give a member another role, for admins of the workspace.

    Raises:
        AppError: CONFLICT if that would leave the workspace without an admin.
    """
    workspace, _ = await access.enter(uow, actor, workspace_id, Permission.MANAGE)
    member = await members.find(uow.session, workspace.id, user_id)
    if member is None:
        raise _no_member()
    if data.role is not Role.ADMIN:
        await _check_dispensable(uow, member)
    before = log.snapshot(member)
    await own_log.hold(uow, own_logs.only(user_id), own_logs.invited_by(user_id))
    whose = invitations.from_inviter(user_id, workspace.id)
    asked = await own_log.open_invitations(uow, whose)
    if apply(member, sent(data)):
        await uow.session.flush()
        entry = log.updated(member, before)
        await log.record(uow, actor, workspace.id, [entry])
        told = own_log.Telling(own_logs.only(user_id), [own_log.News.of(workspace, entry)])
        ended = own_log.differences(asked, await own_log.open_invitations(uow, whose))
        await own_log.tell(uow, actor, told, *ended)
        await _write_to(uow, actor, member.user, MembershipNews.ROLE_CHANGED)
    return member


@idempotent
async def remove_member(uow: UnitOfWork, actor: Actor, workspace_id: UUID, user_id: UUID) -> None:
    """Take a member out of a workspace: oneself, or as an admin anybody.

    Raises:
        AppError: CONFLICT if that would leave the workspace without an admin.
    """
    permission = Permission.READ if actor.user_id == user_id else Permission.MANAGE
    workspace, _ = await access.enter(uow, actor, workspace_id, permission)
    member = await members.find(uow.session, workspace.id, user_id)
    if member is None:
        raise _no_member()
    await _check_dispensable(uow, member)
    entry, told = log.deleted(member), own_log.went(member, workspace)
    await own_log.hold(uow, own_logs.only(user_id), own_logs.invited_by(user_id))
    whose = invitations.from_inviter(user_id, workspace.id)
    asked = await own_log.open_invitations(uow, whose)
    await uow.session.delete(member)
    uow.touched_users.add(user_id)
    await log.record(uow, actor, workspace.id, [entry])
    await own_log.tell(uow, actor, told, *own_log.differences(asked, {}))
    await _write_to(uow, actor, member.user, MembershipNews.REMOVED)


async def _write_to(uow: UnitOfWork, actor: Actor, user: User, news: MembershipNews) -> None:
    """Promise a mail to who wants to be told what others do about a membership."""
    if user.membership_mails and user.email_verified_at is not None and actor.user_id != user.id:
        await enqueue(uow, TellOfMembership(user_id=user.id, news=news))


async def _find_user(uow: UnitOfWork, actor: Actor, data: MemberAdd) -> User:
    if data.user_id is not None:
        found, sentence = await users.find(uow.session, data.user_id), "There is no such user."
    else:
        found, sentence = await users.find_known_by_email(uow.session, known_to(actor), data.email or ""), NOT_KNOWN
    if found is None:
        raise AppError(ErrorCode.NOT_FOUND, sentence)
    return found


async def _check_dispensable(uow: UnitOfWork, member: Member) -> None:
    """Refuse to lose the admin without whom nobody could manage the workspace."""
    if member.user.personal_workspace_id == member.workspace_id:
        raise conflict("A user stays admin of the personal workspace.")
    if member.role is Role.ADMIN and await members.count_admins(uow.session, member.workspace_id) == 1:
        raise conflict("This is the last admin of the workspace; make another one first.")


def _no_member() -> AppError:
    return not_found("member")
