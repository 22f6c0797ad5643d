"""What people do by mail: proving an address, choosing a new password."""

from typing import Annotated

import strawberry

from api.schemas import mail as schemas
from api.services import mail_proofs
from graphql_schema.door.context import Info
from graphql_schema.from_pydantic import ModelInput, from_input, from_output
from graphql_schema.types import INPUT, PUBLIC


@from_output(schemas.Receipt)
class Receipt:
    """What happened, or will, in one sentence for people."""


@from_input(schemas.EmailVerification)
class EmailVerification(ModelInput[schemas.EmailVerification]):
    """The proof that somebody reads an address."""


@from_input(schemas.PasswordResetRequest)
class PasswordResetRequest(ModelInput[schemas.PasswordResetRequest]):
    """Who wants a new password."""


@from_input(schemas.PasswordReset)
class PasswordReset(ModelInput[schemas.PasswordReset]):
    """A new password, and the proof that somebody reads the account's address."""


@from_input(schemas.EmailChange)
class EmailChange(ModelInput[schemas.EmailChange]):
    """The address that an account shall have."""


@strawberry.type
class MailMutation:
    """Proving an address, choosing a new password."""

    @strawberry.mutation(description="Be sent a mail to confirm the address of your account.", graphql_type=Receipt)
    async def request_email_verification(self, info: Info) -> schemas.Receipt:
        """Send the mail."""
        context = info.context
        async with context.write() as uow:
            return await mail_proofs.request_email_verification(uow, context.actor, identity=context.identity)

    @strawberry.mutation(
        description="Confirm an address by the token of a mail to it. The one that `changeEmail` sent changes the "
        "address.",
        graphql_type=Receipt,
        metadata=PUBLIC,
    )
    async def verify_email(self, info: Info, input: Annotated[EmailVerification, INPUT]) -> schemas.Receipt:
        """Confirm an address."""
        data = input.to_model()
        async with info.context.write() as uow:
            return await mail_proofs.verify_email(uow, info.context.actor, data)

    @strawberry.mutation(
        description="Have a mail sent to choose a new password with. The answer is the same whether or not there is "
        "an account.",
        graphql_type=Receipt,
        metadata=PUBLIC,
    )
    async def request_password_reset(
        self, info: Info, input: Annotated[PasswordResetRequest, INPUT]
    ) -> schemas.Receipt:
        """Send the mail."""
        data, context = input.to_model(), info.context
        async with context.write() as uow:
            return await mail_proofs.request_password_reset(uow, context.actor, data, identity=context.identity)

    @strawberry.mutation(
        description="Set a new password by the token of a mail. It ends all sessions of the account.",
        graphql_type=Receipt,
        metadata=PUBLIC,
    )
    async def reset_password(self, info: Info, input: Annotated[PasswordReset, INPUT]) -> schemas.Receipt:
        """Set the password."""
        data, context = input.to_model(), info.context
        async with context.write() as uow:
            return await mail_proofs.reset_password(uow, context.actor, data, identity=context.identity)

    @strawberry.mutation(
        description="Be sent a mail to the address that your account shall have. It changes once you confirm it.",
        graphql_type=Receipt,
    )
    async def change_email(self, info: Info, input: Annotated[EmailChange, INPUT]) -> schemas.Receipt:
        """Send the mail."""
        data, context = input.to_model(), info.context
        async with context.write() as uow:
            return await mail_proofs.change_email(uow, context.actor, data, identity=context.identity)
