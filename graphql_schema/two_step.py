"""Two-step sign-in: setting it up, and signing in with it."""

from typing import Annotated

import strawberry

from api.core.errors import invalid
from api.schemas import two_step as schemas
from api.services import second_step, two_step
from db.models import User as UserRow
from graphql_schema.door.context import Info
from graphql_schema.from_pydantic import ModelInput, from_input, from_output
from graphql_schema.sessions import COOKIE_ELSEWHERE, AccessToken
from graphql_schema.types import INPUT, PUBLIC, Id
from graphql_schema.users import Account


@from_output(schemas.TwoStepSecret)
class TwoStepSecret:
    """What the authenticator app needs. It is shown this once."""


@from_output(schemas.RecoveryCodes)
class RecoveryCodes:
    """Codes for when the app is out of reach, each of which counts once. They are shown this once."""


@from_input(schemas.LoginCompletion)
class LoginCompletion(ModelInput[schemas.LoginCompletion]):
    """The second step of a sign-in."""


@from_input(schemas.TwoStepBegin)
class TwoStepBegin(ModelInput[schemas.TwoStepBegin]):
    """Who wants two-step sign-in."""


@from_input(schemas.TwoStepEnabling)
class TwoStepEnabling(ModelInput[schemas.TwoStepEnabling]):
    """The proof that the app has the secret."""


@from_input(schemas.TwoStepProof)
class TwoStepProof(ModelInput[schemas.TwoStepProof]):
    """The proof that it is still you: both steps once more."""


@strawberry.type
class TwoStepMutation:
    """Switching two-step sign-in on and off, and signing in with it."""

    @strawberry.mutation(
        description="Sign in, second step: exchange the challenge that `login` answered and a code for the tokens. A "
        "challenge counts once, for five minutes; a wrong code leaves it as it is.",
        metadata=PUBLIC,
    )
    async def complete_login(self, info: Info, input: Annotated[LoginCompletion, INPUT]) -> AccessToken:
        """Sign in, second step."""
        data, context = input.to_model(), info.context
        if data.refresh_in_cookie:
            raise invalid([("refresh_in_cookie", COOKIE_ELSEWHERE)])
        async with context.write() as uow:
            token = await second_step.complete_login(uow, context.actor, data, identity=context.identity)
        return AccessToken(**token.model_dump())

    @strawberry.mutation(
        description="Get a secret for your authenticator app. Signing in stays as it is until `enableTwoStep`."
    )
    async def begin_two_step(self, info: Info, input: Annotated[TwoStepBegin, INPUT]) -> TwoStepSecret:
        """Make a secret."""
        data, context = input.to_model(), info.context
        async with context.write() as uow:
            made = await two_step.begin_two_step(uow, context.actor, data, identity=context.identity)
        return TwoStepSecret(**made.model_dump())

    @strawberry.mutation(
        description="Switch two-step sign-in on, with a code that your app shows, and get ten recovery codes. From "
        "then on a right password answers `SECOND_STEP_NEEDED`. Sessions that you have go on."
    )
    async def enable_two_step(self, info: Info, input: Annotated[TwoStepEnabling, INPUT]) -> RecoveryCodes:
        """Switch it on."""
        data, context = input.to_model(), info.context
        async with context.write() as uow:
            made = await two_step.enable_two_step(uow, context.actor, data, identity=context.identity)
        return RecoveryCodes(**made.model_dump())

    @strawberry.mutation(
        description="Switch two-step sign-in off, with your password and a code.", graphql_type=Account
    )
    async def disable_two_step(self, info: Info, input: Annotated[TwoStepProof, INPUT]) -> UserRow:
        """Switch it off."""
        data, context = input.to_model(), info.context
        async with context.write() as uow:
            return await two_step.disable_two_step(uow, context.actor, data, identity=context.identity)

    @strawberry.mutation(
        description="Get ten new recovery codes, with your password and a code. The old ones count no more."
    )
    async def renew_recovery_codes(self, info: Info, input: Annotated[TwoStepProof, INPUT]) -> RecoveryCodes:
        """Make new recovery codes."""
        data, context = input.to_model(), info.context
        async with context.write() as uow:
            made = await two_step.renew_recovery_codes(uow, context.actor, data, identity=context.identity)
        return RecoveryCodes(**made.model_dump())

    @strawberry.mutation(
        description="Switch somebody's two-step sign-in off who lost app and recovery codes. For administrators, not "
        "for their own.",
        graphql_type=Account,
    )
    async def reset_two_step(self, info: Info, id: Id) -> UserRow:
        """Switch somebody's off."""
        async with info.context.write() as uow:
            return await two_step.reset_two_step(uow, info.context.actor, id)
