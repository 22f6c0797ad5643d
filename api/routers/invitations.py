"""Invitations into workspaces."""

from typing import Annotated

from fastapi import Query, Request, status

from api.core.errors import ErrorCode
from api.dependencies import Anyone, CurrentActor, Id, InstalledIdentity, Read, Write, page_of
from api.problems import documented
from api.rest import CHANGING, GUARDED, listing, resource_router
from api.schemas.invitations import (
    InvitationAnswer,
    InvitationCreate,
    InvitationList,
    InvitationQuery,
    InvitationRead,
)
from api.schemas.mail import Receipt
from api.schemas.workspaces import MemberRead
from api.services import invitations

router = resource_router("invitations")


@router.post(
    "/workspaces/{id}/invitations",
    status_code=status.HTTP_201_CREATED,
    responses=CHANGING | documented(ErrorCode.RATE_LIMITED),
)
async def invite_member(
    workspace_id: Id, data: InvitationCreate, uow: Write, actor: CurrentActor, identity: InstalledIdentity
) -> InvitationRead:
    """Invite somebody by e-mail, with or without an account, for admins of the workspace.

    Inviting an address again renews its invitation and sends another letter, whose token alone counts then.
    """
    invitation = await invitations.invite_member(uow, actor, workspace_id, data, identity=identity)
    return InvitationRead.model_validate(invitation)


@router.get("/invitations", responses=GUARDED)
async def list_invitations(
    query: Annotated[InvitationQuery, Query()], uow: Read, actor: CurrentActor, request: Request
) -> InvitationList:
    """List the open invitations for your confirmed address, or into a workspace, for its admins. Newest first."""
    page = await invitations.list_invitations(uow, actor, workspace_id=query.workspace_id, page=page_of(query))
    return await listing(InvitationList, InvitationRead, page, request)


@router.post("/invitations/accept", responses=CHANGING)
async def accept_invitation(data: InvitationAnswer, uow: Write, actor: CurrentActor) -> MemberRead:
    """Become a member, with the account that has the invited address. The token of the mail confirms the address."""
    return MemberRead.model_validate(await invitations.accept_invitation(uow, actor, data))


@router.post("/invitations/decline", responses=documented(ErrorCode.NOT_FOUND, ErrorCode.UNSUPPORTED_MEDIA_TYPE))
async def decline_invitation(data: InvitationAnswer, uow: Write, actor: Anyone) -> Receipt:
    """Decline an invitation. Whoever has the token of the mail needs no account for it."""
    return await invitations.decline_invitation(uow, actor, data)


@router.delete("/invitations/{id}", status_code=status.HTTP_204_NO_CONTENT, responses=CHANGING)
async def revoke_invitation(invitation_id: Id, uow: Write, actor: CurrentActor) -> None:
    """Take an invitation back, for admins of the workspace. Its mail is good for nothing then."""
    await invitations.revoke_invitation(uow, actor, invitation_id)
