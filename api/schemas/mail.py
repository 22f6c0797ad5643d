"""What people do by mail: proving an address, choosing a new password."""

from typing import Annotated, ClassVar

from pydantic import Field

from api.schemas.emails import Email, GivenEmail
from api.schemas.types import Input, Output, Secret
from api.schemas.users import Confirmation, GivenPassword, Password

Token = Annotated[Secret, Field(max_length=200, description="The token from the link in the mail.")]


class EmailVerification(Input):
    """The proof that somebody reads an address."""

    example: ClassVar = {"token": "n6VgS1m3H0rWn6cGgq2S8oJbDqV1bQ5uYkq0m0l9w7E"}

    token: Token


class PasswordResetRequest(Input):
    """Who wants a new password."""

    example: ClassVar = {"email": "ada@example.com"}

    email: Annotated[GivenEmail, Field(description="The address of the account.")]


class PasswordReset(Input):
    """A new password, and the proof that somebody reads the account's address."""

    example: ClassVar = {
        "token": "n6VgS1m3H0rWn6cGgq2S8oJbDqV1bQ5uYkq0m0l9w7E",
        "password": "Analytical2",
        "password_confirm": "Analytical2",
    }

    token: Token
    password: Password
    password_confirm: Confirmation


class EmailChange(Input):
    """The address that an account shall have."""

    example: ClassVar = {"email": "ada@lovelace.example", "current_password": "Analytical1"}

    email: Annotated[Email, Field(description="Stored in lower case and in Unicode's NFKC.")]
    current_password: Annotated[GivenPassword, Field(description="The present password.")]


class Receipt(Output):
    """What happened, or will, in one sentence for people."""

    message: Annotated[str, Field(max_length=200, description="The sentence.")]
