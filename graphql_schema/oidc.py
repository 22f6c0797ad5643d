"""Signing in with the installation's OpenID Connect provider."""

from typing import Annotated

import strawberry

from api.core.errors import invalid
from api.schemas import oidc as schemas
from api.services import oidc
from graphql_schema.door.context import Info
from graphql_schema.from_pydantic import ModelInput, from_input, from_output
from graphql_schema.sessions import COOKIE_ELSEWHERE, AccessToken
from graphql_schema.types import INPUT, PUBLIC


@from_output(schemas.OidcSignIn)
class OidcSignIn:
    """A sign-in with the provider that has begun."""


@from_input(schemas.OidcSignInBegin)
class OidcSignInBegin(ModelInput[schemas.OidcSignInBegin]):
    """Who wants to sign in with the provider."""


@from_input(schemas.OidcSignInCompletion)
class OidcSignInCompletion(ModelInput[schemas.OidcSignInCompletion]):
    """What the provider sent the browser back with, and what the browser kept."""


@strawberry.type
class OidcMutation:
    """Signing in with the provider."""

    @strawberry.mutation(
        description="Begin to sign in with the OpenID Connect provider: get the address to let the browser go to. "
        "Without a provider in the settings both operations answer `NOT_FOUND`.",
        metadata=PUBLIC,
    )
    async def begin_oidc_sign_in(self, info: Info, input: Annotated[OidcSignInBegin, INPUT]) -> OidcSignIn:
        """Begin to sign in."""
        context = info.context
        begun = await oidc.begin_oidc_sign_in(
            context.actor, input.to_model(), identity=context.identity, provider=context.oidc_provider
        )
        return OidcSignIn(**begun.model_dump())

    @strawberry.mutation(
        description="Sign in: exchange what the provider sent the browser back with for an access token and a refresh "
        "token. It counts once. Whom the provider knows is known again by that; at first by an e-mail address that "
        "both the provider and the account have confirmed. Whoever has no account gets one, if registration is open. "
        "The answer and the error `SECOND_STEP_NEEDED` are those of `login`.",
        metadata=PUBLIC,
    )
    async def complete_oidc_sign_in(self, info: Info, input: Annotated[OidcSignInCompletion, INPUT]) -> AccessToken:
        """Sign in."""
        data, context = input.to_model(), info.context
        if data.refresh_in_cookie:
            raise invalid([("refresh_in_cookie", COOKIE_ELSEWHERE)])
        async with context.write() as uow:
            token = await oidc.complete_oidc_sign_in(
                uow, context.actor, data, identity=context.identity, provider=context.oidc_provider
            )
        return AccessToken(**token.model_dump())
