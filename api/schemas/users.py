"""Accounts and sign-in."""

from typing import Annotated, Any, ClassVar
from uuid import UUID

from pydantic import MISSING, AfterValidator, Field, SecretStr, ValidationInfo

from api.schemas.emails import Email
from api.schemas.pages import Listing
from api.schemas.types import Flag, Input, Moment, Name, Output, Secret, Seq, Version
from db.models import UserRole


def _strong(password: SecretStr) -> SecretStr:
    if not any(letter.isupper() for letter in password.get_secret_value()):
        raise ValueError("It must contain an upper-case letter")
    return password


Password = Annotated[
    Secret,
    Field(min_length=8, max_length=128, description="At least 8 characters, one of them an upper-case letter."),
    AfterValidator(_strong),
]
GivenPassword = Annotated[Secret, Field(max_length=128)]
"""A password as typed at sign-in: whether it is right is all that counts."""


def _equals_password(confirmation: Any, info: ValidationInfo) -> Any:
    """Compare with `password`, unless that one is already known to be wrong."""
    if "password" in info.data and info.data["password"] != confirmation:
        raise ValueError("It must equal password")
    return confirmation


Confirmation = Annotated[GivenPassword, AfterValidator(_equals_password), Field(description="The same once more.")]
OptionalConfirmation = Annotated[
    GivenPassword | MISSING,
    AfterValidator(_equals_password),
    Field(description="The same once more.", validate_default=True),
]


class UserCreate(Input):
    """A new account."""

    example: ClassVar = {
        "name": "Ada",
        "email": "ada@example.com",
        "password": "Analytical1",
        "password_confirm": "Analytical1",
    }

    name: Annotated[Name, Field(description="1 to 100 characters.")]
    email: Annotated[Email, Field(description="Stored in lower case and in Unicode's NFKC.")]
    password: Password
    password_confirm: Confirmation
    role: Annotated[
        UserRole, Field(description="`member` if absent. Administrators alone may create administrators.")
    ] = UserRole.MEMBER


MEMBERSHIP_MAILS = (
    "Whether to be told by mail, at a confirmed address, when somebody adds you to a workspace, takes you out of one "
    "or gives you another role."
)


class MeUpdate(Input):
    """Changes to one's own account; what is absent stays."""

    example: ClassVar = {"name": "Ada Lovelace"}

    name: Annotated[Name | MISSING, Field(description="1 to 100 characters.")] = MISSING
    email: Annotated[Email | MISSING, Field(description="Needs `current_password`.")] = MISSING
    password: Annotated[Password | MISSING, Field(description="Needs `current_password`; ends all other sessions.")] = (
        MISSING
    )
    password_confirm: OptionalConfirmation = MISSING
    current_password: Annotated[
        GivenPassword | MISSING, Field(description="To change the e-mail address or the password.")
    ] = MISSING
    membership_mails: Annotated[Flag | MISSING, Field(description=MEMBERSHIP_MAILS)] = MISSING


class UserUpdate(Input):
    """Changes to an account by an administrator; what is absent stays."""

    example: ClassVar = {"name": "Ada Lovelace"}

    name: Annotated[Name | MISSING, Field(description="1 to 100 characters.")] = MISSING
    email: Annotated[Email | MISSING, Field(description="Stored in lower case and in Unicode's NFKC.")] = MISSING
    role: Annotated[UserRole | MISSING, Field(description="What the account may do to others.")] = MISSING
    disabled: Annotated[Flag | MISSING, Field(description="A disabled account cannot sign in.")] = MISSING
    password: Annotated[Password | MISSING, Field(description="Ends all sessions but the one that asks.")] = MISSING
    password_confirm: OptionalConfirmation = MISSING


class AccountRead(Output):
    """An account, as its owner and administrators see it."""

    id: Annotated[UUID, Field(description="The user's id.")]
    name: Annotated[str, Field(max_length=100, description="The name others see.")]
    email: Annotated[str, Field(max_length=254, description="In lower case.")]
    email_verified_at: Annotated[Moment | None, Field(description="When its owner last proved to read it.")]
    two_step_since: Annotated[
        Moment | None, Field(description="Since when signing in takes a second step; null if it does not.")
    ] = None
    role: Annotated[UserRole, Field(description="What the account may do to others.")]
    disabled: Annotated[bool, Field(description="Whether it is kept from signing in.")]
    membership_mails: Annotated[bool, Field(description=MEMBERSHIP_MAILS)] = False
    personal_workspace_id: Annotated[UUID, Field(description="The workspace that came with the account.")]
    seq: Annotated[
        Seq | None, Field(description="Number of the last change in your own log; only `get_me` tells it.")
    ] = None
    version: Annotated[Version, Field(description="Rises with each change.")]
    created_at: Annotated[Moment, Field(description="When it was made.")]
    updated_at: Annotated[Moment, Field(description="When it last changed.")]


class AccountList(Listing[AccountRead]):
    """One page of accounts."""


class UserRead(Output):
    """A user, as colleagues see it."""

    id: Annotated[UUID, Field(description="The user's id.")]
    name: Annotated[str, Field(max_length=100, description="The user's name.")]
