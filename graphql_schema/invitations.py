"""Invitations into workspaces."""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from api.schemas import invitations as schemas
from api.schemas.mail import Receipt as ReceiptModel
from api.services import invitations
from db.models import Invitation as InvitationRow
from db.models import Member as MemberRow
from db.paging import Page
from graphql_schema.connections import After, Before, Connection, First, Last, page_arguments
from graphql_schema.door.context import Info
from graphql_schema.from_pydantic import ModelInput, from_input, from_output
from graphql_schema.types import INPUT, PUBLIC, Deleted, Id

if TYPE_CHECKING:
    from graphql_schema.mail import Receipt
    from graphql_schema.members import Member

LazyMember = Annotated["Member", strawberry.lazy("graphql_schema.members")]
LazyReceipt = Annotated["Receipt", strawberry.lazy("graphql_schema.mail")]

InWorkspace = Annotated[UUID, strawberry.argument(description="The workspace.")]
IntoWorkspace = Annotated[
    UUID | None,
    strawberry.argument(
        description="Those into this workspace, for its admins; those for your confirmed address if absent."
    ),
]


@from_output(schemas.InvitationRead)
class Invitation:
    """An open invitation, as the workspace's admins and the invited person see it."""


@from_input(schemas.InvitationCreate)
class InvitationCreate(ModelInput[schemas.InvitationCreate]):
    """Whom to invite, with or without an account."""


@from_input(schemas.InvitationAnswer)
class InvitationAnswer(ModelInput[schemas.InvitationAnswer]):
    """The invitation that is accepted or declined, named by its id or by the token of its letter."""


@strawberry.type
class InvitationQuery:
    """Reading invitations."""

    @strawberry.field(
        description="The open invitations for your confirmed address, or into a workspace, for its admins. "
        "Newest first.",
        graphql_type=Connection[Invitation],
    )
    async def invitations(
        self,
        info: Info,
        workspace_id: IntoWorkspace = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Page[InvitationRow]:
        """Return one page of invitations."""
        page = page_arguments(info, first, after, last, before)
        async with info.context.read() as uow:
            return await invitations.list_invitations(uow, info.context.actor, workspace_id=workspace_id, page=page)


@strawberry.type
class InvitationMutation:
    """Inviting, and answering to it."""

    @strawberry.mutation(
        description="Invite somebody by e-mail, with or without an account, for admins of the workspace. Inviting an "
        "address again renews its invitation and sends another letter, whose token alone counts then.",
        graphql_type=Invitation,
    )
    async def invite_member(
        self, info: Info, workspace_id: InWorkspace, input: Annotated[InvitationCreate, INPUT]
    ) -> InvitationRow:
        """Invite somebody."""
        data, context = input.to_model(), info.context
        async with context.write() as uow:
            return await invitations.invite_member(uow, context.actor, workspace_id, data, identity=context.identity)

    @strawberry.mutation(
        description="Become a member, with the account that has the invited address. The token of the mail confirms "
        "the address.",
        graphql_type=LazyMember,
    )
    async def accept_invitation(self, info: Info, input: Annotated[InvitationAnswer, INPUT]) -> MemberRow:
        """Accept an invitation."""
        data = input.to_model()
        async with info.context.write() as uow:
            return await invitations.accept_invitation(uow, info.context.actor, data)

    @strawberry.mutation(
        description="Decline an invitation. Whoever has the token of the mail needs no account for it.",
        graphql_type=LazyReceipt,
        metadata=PUBLIC,
    )
    async def decline_invitation(self, info: Info, input: Annotated[InvitationAnswer, INPUT]) -> ReceiptModel:
        """Decline an invitation."""
        data = input.to_model()
        async with info.context.write() as uow:
            return await invitations.decline_invitation(uow, info.context.actor, data)

    @strawberry.mutation(
        description="Take an invitation back, for admins of the workspace. Its mail is good for nothing then."
    )
    async def revoke_invitation(self, info: Info, id: Id) -> Deleted:
        """Take an invitation back."""
        async with info.context.write() as uow:
            await invitations.revoke_invitation(uow, info.context.actor, id)
        return Deleted(deleted_id=strawberry.ID(str(id)))
