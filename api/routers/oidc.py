"""Signing in with the installation's OpenID Connect provider."""

from fastapi import Request, Response

from api import refresh_cookie
from api.core.errors import ErrorCode
from api.dependencies import Anyone, InstalledIdentity, InstalledProvider, WriteAnew
from api.problems import documented
from api.rest import resource_router
from api.schemas.oidc import OidcSignIn, OidcSignInBegin, OidcSignInCompletion
from api.schemas.sessions import AccessToken
from api.services import oidc

router = resource_router("auth")

BEGINNING = documented(ErrorCode.FORBIDDEN, ErrorCode.NOT_FOUND, ErrorCode.UNSUPPORTED_MEDIA_TYPE)


@router.post("/auth/oidc", responses=BEGINNING)
async def begin_oidc_sign_in(
    data: OidcSignInBegin, actor: Anyone, identity: InstalledIdentity, provider: InstalledProvider
) -> OidcSignIn:
    """Begin to sign in with the OpenID Connect provider: get the address to let the browser go to.

    Without a provider in the settings both operations answer `NOT_FOUND`.
    """
    return await oidc.begin_oidc_sign_in(actor, data, identity=identity, provider=provider)


@router.post("/auth/oidc/complete", responses=BEGINNING | documented(ErrorCode.SECOND_STEP_NEEDED, ErrorCode.CONFLICT))
async def complete_oidc_sign_in(
    data: OidcSignInCompletion,
    uow: WriteAnew,
    actor: Anyone,
    identity: InstalledIdentity,
    provider: InstalledProvider,
    request: Request,
    response: Response,
) -> AccessToken:
    """Sign in: exchange what the provider sent the browser back with for an access token and a refresh token.

    It counts once. Whom the provider knows is known again by that; at first by an e-mail address that both the
    provider and the account have confirmed. Whoever has no account gets one, if registration is open. The answer, the
    cookie and the error `SECOND_STEP_NEEDED` are those of `login`.
    """
    if data.refresh_in_cookie:
        refresh_cookie.check_origin(request)
    answer = await oidc.complete_oidc_sign_in(uow, actor, data, identity=identity, provider=provider)
    return refresh_cookie.put(response, answer) if data.refresh_in_cookie else answer
