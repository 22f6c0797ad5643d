"""Invitations into workspaces."""

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo

from api.schemas.emails import Email
from api.schemas.pages import Listing, PageQuery
from api.schemas.scalars import Uuid
from api.schemas.types import Input, Moment, Output, Secret
from db.models import Role


class InvitationCreate(Input):
    """Whom to invite, with or without an account."""

    example: ClassVar = {"email": "grace@example.com", "role": "editor"}

    email: Annotated[Email, Field(description="The address that the invitation is for and sent to.")]
    role: Annotated[Role, Field(description="What the member will be able to do; `editor` if absent.")] = Role.EDITOR


def _one_of_two(token: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
    if "invitation_id" in info.data and (info.data["invitation_id"] is None) == (token is None):
        raise ValueError("Give either invitation_id or token")
    return token


class InvitationAnswer(Input):
    """The invitation that is accepted or declined, named by its id or by the token of its letter."""

    example: ClassVar = {"token": "n6VgS1m3H0rWn6cGgq2S8oJbDqV1bQ5uYkq0m0l9w7E"}

    invitation_id: Annotated[
        Uuid | None, Field(description="Either this, of an invitation for your confirmed address,")
    ] = None
    token: Annotated[
        Annotated[Secret, Field(max_length=200)] | None,
        AfterValidator(_one_of_two),
        Field(description="or this, from the link in the mail.", validate_default=True),
    ] = None


class InvitationRead(Output):
    """An open invitation, as the workspace's admins and the invited person see it."""

    id: Annotated[UUID, Field(description="The invitation's id.")]
    workspace_id: Annotated[UUID, Field(description="Where.")]
    workspace_name: Annotated[str, Field(max_length=100, description="What that workspace is called.")]
    email: Annotated[str, Field(max_length=254, description="The address it is for, in lower case.")]
    role: Annotated[Role, Field(description="What the member will be able to do.")]
    inviter_id: Annotated[UUID, Field(description="Who invited last.")]
    inviter_name: Annotated[str, Field(max_length=100, description="That person's name.")]
    created_at: Annotated[Moment, Field(description="When the address was first invited.")]
    expires_at: Annotated[Moment, Field(description="Until when it can be accepted, unless it is renewed.")]


class InvitationList(Listing[InvitationRead]):
    """One page of invitations."""


class InvitationQuery(PageQuery):
    """Which invitations are wanted."""

    workspace_id: Annotated[
        Uuid | None,
        Field(description="Those into this workspace, for its admins; those for your confirmed address if absent."),
    ] = None
