"""Workspaces and their members."""

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import MISSING, AfterValidator, Field, ValidationInfo

from api.schemas.emails import Email
from api.schemas.pages import Listing
from api.schemas.scalars import Uuid
from api.schemas.types import Input, Moment, Name, Output, Seq, Version
from db.models import Role


class WorkspaceCreate(Input):
    """A new workspace."""

    example: ClassVar = {"name": "Garden"}

    id: Annotated[
        Uuid | None, Field(description="Choose it yourself, best a UUIDv7, and a repeated request creates no second.")
    ] = None
    name: Annotated[Name, Field(description="1 to 100 characters.")]


class WorkspaceUpdate(Input):
    """Changes to a workspace; what is absent stays."""

    example: ClassVar = {"name": "Park"}

    name: Annotated[Name | MISSING, Field(description="1 to 100 characters.")] = MISSING


class WorkspaceState(Output):
    """A workspace, as the change log keeps it."""

    id: Annotated[UUID, Field(description="The workspace's id.")]
    name: Annotated[str, Field(max_length=100, description="Its name.")]
    personal: Annotated[bool, Field(description="Whether it came with an account; such a one cannot be deleted.")]
    version: Annotated[Version, Field(description="Rises with each change of the workspace itself.")]
    created_at: Annotated[Moment, Field(description="When it was made.")]
    updated_at: Annotated[Moment, Field(description="When it last changed.")]


class WorkspaceRead(WorkspaceState):
    """A workspace."""

    seq: Annotated[Seq, Field(description="Number of the last change in its log.")]


class WorkspaceList(Listing[WorkspaceRead]):
    """One page of workspaces."""


def _one_of_two(email: str | None, info: ValidationInfo) -> str | None:
    if "user_id" in info.data and (info.data["user_id"] is None) == (email is None):
        raise ValueError("Give either user_id or email")
    return email


class MemberAdd(Input):
    """A user to let in, named by id or by e-mail address."""

    example: ClassVar = {"email": "grace@example.com", "role": "editor"}

    user_id: Annotated[Uuid | None, Field(description="Either this")] = None
    email: Annotated[
        Email | None,
        AfterValidator(_one_of_two),
        Field(
            description="or this, of somebody you share a workspace with; for administrators, of anybody.",
            validate_default=True,
        ),
    ] = None
    role: Annotated[Role, Field(description="What the member may do; `editor` if absent.")] = Role.EDITOR


class MemberUpdate(Input):
    """A member's new role."""

    example: ClassVar = {"role": "viewer"}

    role: Annotated[Role, Field(description="What the member may do.")]


class Membership(Output):
    """What is true of a member wherever it is told."""

    workspace_id: Annotated[UUID, Field(description="Where.")]
    user_id: Annotated[UUID, Field(description="Who.")]
    role: Annotated[Role, Field(description="What the member may do.")]
    version: Annotated[Version, Field(description="Rises with each change.")]
    created_at: Annotated[Moment, Field(description="When the member was let in.")]
    updated_at: Annotated[Moment, Field(description="When the role or the person's name last changed.")]


class MemberState(Membership):
    """A member, as the change log keeps it."""

    name: Annotated[
        str | None, Field(max_length=100, description="The person's name; null in entries of older versions.")
    ] = None


class MemberUser(Output):
    """The person behind a member."""

    id: Annotated[UUID, Field(description="The user's id.")]
    name: Annotated[str, Field(max_length=100, description="The user's name.")]
    email: Annotated[str | None, Field(max_length=254, description="The user's e-mail address.")]


class MemberRead(Membership):
    """A member, with the name and address that fellow members see."""

    user: Annotated[MemberUser, Field(description="The person.")]


class MemberList(Listing[MemberRead]):
    """One page of members."""
