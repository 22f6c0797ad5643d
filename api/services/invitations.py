"""Invitations into workspaces, for people with and without an account.

An invitation is for an address. Nothing here tells whether that has an account: what is done, what is answered and
the letter are the same. It counts for seven days, and as long as the inviter could invite: whoever is no longer an
admin, or is disabled, lets nobody in. Only an account with the address can accept: by the id if it has confirmed the
address, or else by the token of the letter, which confirms it. Who only declines needs no account.
"""

from datetime import timedelta
from uuid import UUID

from api.core.actor import Actor, refuse_keys, require_person, require_user
from api.core.errors import AppError, conflict, forbidden, invalid, not_found
from api.core.identity import Identity
from api.core.mail_tokens import digest_of
from api.core.pages import PageArguments
from api.core.permissions import Permission
from api.schemas.invitations import InvitationAnswer, InvitationCreate
from api.schemas.jobs import SendInvitation
from api.schemas.mail import Receipt
from api.services import access, own_log
from api.services.idempotency import idempotent
from api.services.jobs import enqueue
from api.services.members import let_in
from api.services.users import change
from db.clock import utc_now
from db.models import Invitation, Member, User, Workspace
from db.models.base import new_id
from db.paging import Page
from db.repositories import invitations, members, own_logs
from db.unit_of_work import ReadUnit, UnitOfWork

LIFETIME = timedelta(days=7)

DECLINED = Receipt(message="The invitation is declined.")


@idempotent
async def invite_member(
    uow: UnitOfWork, actor: Actor, workspace_id: UUID, data: InvitationCreate, *, identity: Identity
) -> Invitation:
    """Invite an address into a workspace, for its admins, and send it a letter.

    Inviting it again renews the invitation, with the new role and a new letter; the token of the one before ends.

    Raises:
        AppError: NOT_FOUND, FORBIDDEN; CONFLICT if a member has the address; RATE_LIMITED after too many invitations
            of the caller, or too many mails to the address.
    """
    caller = require_user(actor)
    # Nobody else spends what the address may get.
    await access.check(uow, actor, workspace_id, Permission.MANAGE, to_write=True)
    await uow.session.release()
    await identity.attempts.invite(data.email, str(caller.id))
    workspace, inviter = await access.enter(uow, actor, workspace_id, Permission.MANAGE)
    assert inviter is not None  # noqa: S101 - who is a user enters as a member
    if await members.find_by_email(uow.session, workspace.id, data.email) is not None:
        raise conflict("The user is a member already.")
    await own_log.hold(uow, own_logs.readers_of(data.email))
    invitation = await invitations.find_for(uow.session, workspace.id, data.email)
    before = None if invitation is None else own_log.shown(invitation)
    if invitation is None:
        invitation = Invitation(workspace=workspace, email=data.email)
    invitation.role, invitation.inviter, invitation.expires_at = data.role, inviter.user, utc_now() + LIFETIME
    # Until the new letter is on its way no token counts.
    invitation.letter_id, invitation.digest = new_id(), None
    await uow.session.insert(invitation)
    await enqueue(uow, SendInvitation(invitation_id=invitation.id), job_id=invitation.letter_id)
    await own_log.tell(uow, actor, own_log.invited(invitation, before))
    return invitation


async def list_invitations(
    uow: ReadUnit, actor: Actor, *, workspace_id: UUID | None = None, page: PageArguments
) -> Page[Invitation]:
    """Return one page of a workspace's open invitations, for its admins, or else of those for the caller's address.

    Raises:
        AppError: UNAUTHENTICATED; NOT_FOUND or FORBIDDEN about the workspace.
    """
    request = page.of(invitations.NEWEST_FIRST)
    if workspace_id is None:
        return await invitations.page_of_user(uow.session, require_person(actor).id, request)
    await access.check(uow, actor, workspace_id, Permission.MANAGE)
    return await invitations.page_of_workspace(uow.session, workspace_id, request)


@idempotent
async def accept_invitation(uow: UnitOfWork, actor: Actor, data: InvitationAnswer) -> Member:
    """Become a member by an invitation. The token of the letter confirms the account's address as well.

    Raises:
        AppError: UNAUTHENTICATED; NOT_FOUND without an open invitation for the caller's confirmed address, or
            VALIDATION_ERROR for a token that does not count; FORBIDDEN if the letter went to another address;
            CONFLICT for a member.
    """
    user = await access.enter_own_account(uow, actor)
    invitation, workspace = await _enter(uow, data, user)
    if invitation.email != user.email:
        raise forbidden("This invitation is for another address. Sign in with the account that has it.")
    if await members.find(uow.session, invitation.workspace_id, user.id) is not None:
        raise conflict("You are a member already.")
    if data.token is not None:
        await change(uow, actor, user, {"email_verified_at": utc_now()}, None)
    return await let_in(uow, actor, workspace, user, invitation.role)


@idempotent
async def decline_invitation(uow: UnitOfWork, actor: Actor, data: InvitationAnswer) -> Receipt:
    """End an invitation that one does not want; whoever has the token of the letter needs no account.

    Raises:
        AppError: UNAUTHENTICATED without a token; FORBIDDEN for an API key; else as `accept_invitation`.
    """
    refuse_keys(actor)
    user = None if data.token is not None else await access.enter_own_account(uow, actor)
    invitation, _ = await _enter(uow, data, user)
    await _end(uow, actor, invitation)
    return DECLINED


@idempotent
async def revoke_invitation(uow: UnitOfWork, actor: Actor, invitation_id: UUID) -> None:
    """End an invitation, for admins of the workspace.

    Raises:
        AppError: UNAUTHENTICATED; NOT_FOUND, FORBIDDEN.
    """
    place = invitations.workspace_of(invitation_id)
    await access.enter(uow, actor, place, Permission.MANAGE, what="invitation")
    invitation = await invitations.find(uow.session, invitation_id)
    if invitation is None:
        raise not_found("invitation")
    await _end(uow, actor, invitation)


async def _end(uow: UnitOfWork, actor: Actor, invitation: Invitation) -> None:
    news = own_log.uninvited(invitation)
    await own_log.hold(uow, news.audience)
    await uow.session.delete(invitation)
    await own_log.tell(uow, actor, news)


async def _enter(uow: UnitOfWork, data: InvitationAnswer, user: User | None) -> tuple[Invitation, Workspace]:
    """Lock the workspace of the open invitation that is meant, and return both as they are then."""
    invitation, workspace = await _find(uow, data, user), None
    if invitation is not None:
        workspace = await access.enter_invited(uow, invitation.workspace_id)
        # It may have ended while the lock was waited for.
        invitation = await _find(uow, data, user)
    if invitation is None or workspace is None:
        raise not_found("invitation") if data.token is None else _bad_token()
    return invitation, workspace


async def _find(uow: UnitOfWork, data: InvitationAnswer, user: User | None) -> Invitation | None:
    if data.token is not None:
        return await invitations.find_by_digest(uow.session, digest_of(data.token.get_secret_value()))
    if data.invitation_id is None or user is None:
        return None
    return await invitations.find_of_user(uow.session, data.invitation_id, user.id)


def _bad_token() -> AppError:
    return invalid([("token", "It is not valid, was used already, or has expired")])
