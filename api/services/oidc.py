"""Signing in with the installation's OpenID Connect provider.

A sign-in that was begun counts once: when the provider has said who it is, it is used up, whatever becomes of them.
A code that the provider refuses, which lets a code count once as well, leaves it as it is: of two requests that a page
sends at once one shall come to its end.

Two-step sign-in asks for its code here, too. It is the account's own promise that one thing alone, be it the password
or the provider, opens it to nobody; and no provider has to say whether it asked for more than a password.
"""

from hmac import compare_digest

import structlog

from api.core.actor import Actor, refuse_keys
from api.core.errors import invalid, not_found, unauthenticated
from api.core.identity import Identity
from api.core.oidc.provider import Provider, ProviderRefusalError
from api.core.oidc.sign_ins import LIFETIME, SignIn, SignInError
from api.schemas.oidc import OidcSignIn, OidcSignInBegin, OidcSignInCompletion
from api.schemas.sessions import AccessToken
from api.services import provider_accounts, second_step, security, sessions
from db.clock import utc_now
from db.errors import ConstraintViolatedError
from db.models import SecurityEventKind, UsedOidcSignIn
from db.models.base import new_id
from db.repositories import provider_identities
from db.unit_of_work import UnitOfWork

logger = structlog.get_logger("twofold.oidc")

OVER = "This sign-in has expired, was completed already, or was begun in another browser. Begin again."
REFUSED = "The sign-in provider did not confirm who you are. Begin again."


async def begin_oidc_sign_in(
    actor: Actor, data: OidcSignInBegin, *, identity: Identity, provider: Provider | None
) -> OidcSignIn:
    """Return the address at the provider to sign in at, and what the browser keeps meanwhile. Nothing is written.

    Raises:
        AppError: NOT_FOUND without a provider; VALIDATION_ERROR for an address that is not on the list; RATE_LIMITED
            after too many attempts; UNAVAILABLE if the provider does not answer; FORBIDDEN for an API key.
    """
    refuse_keys(actor)
    provider = _installed(provider)
    allowed = provider.options.redirect_uris
    redirect_uri = allowed[0] if data.redirect_uri is None else data.redirect_uri
    if redirect_uri not in allowed:
        raise invalid([("redirect_uri", "It is none of the addresses in OIDC_REDIRECT_URIS")])
    await identity.attempts.try_provider(actor.address)
    sign_in = provider.sign_ins.begin(new_id(), redirect_uri, utc_now())
    return OidcSignIn(
        authorization_url=await provider.authorization_url(sign_in, redirect_uri),
        sign_in=sign_in.text,
        expires_in=int(LIFETIME.total_seconds()),
    )


async def complete_oidc_sign_in(
    uow: UnitOfWork, actor: Actor, data: OidcSignInCompletion, *, identity: Identity, provider: Provider | None
) -> AccessToken:
    """Begin a session for whom the provider sent back to the browser in which the sign-in began.

    Raises:
        AppError: NOT_FOUND without a provider; UNAUTHENTICATED for a sign-in that does not count, a code that the
            provider refuses, and a disabled account; FORBIDDEN without a confirmed e-mail address, if registration is
            closed, and for an API key; CONFLICT if the address belongs to an account that cannot be linked;
            SECOND_STEP_NEEDED if the account has two-step sign-in; RATE_LIMITED; UNAVAILABLE.
    """
    refuse_keys(actor)
    provider = _installed(provider)
    sign_in, redirect_uri = _read(data, provider)
    await identity.attempts.try_provider(actor.address)
    if await provider_identities.is_used(uow.session, sign_in.id):
        raise unauthenticated(OVER)
    # The provider may take its time: nothing is held meanwhile.
    await uow.session.release()
    try:
        who = await provider.identify(data.code.get_secret_value(), sign_in, redirect_uri)
    except ProviderRefusalError as error:
        logger.warning("a sign-in with the provider was refused", why=str(error))
        await security.record(uow, actor, SecurityEventKind.SIGN_IN_FAILED, None)
        raise uow.keep(unauthenticated(REFUSED)) from error
    await provider_accounts.prepare(uow, actor, who, identity=identity, provider=provider)
    await _use(uow, sign_in)
    user = await provider_accounts.enter(uow, actor, who, provider=provider)
    if user.two_step_since is not None:
        raise uow.keep(await second_step.ask(uow, user, identity=identity, first="The sign-in provider knows you."))
    return await sessions.begin(uow, actor, user, identity=identity)


def _installed(provider: Provider | None) -> Provider:
    if provider is None:
        raise not_found("provider to sign in with")
    return provider


def _read(data: OidcSignInCompletion, provider: Provider) -> tuple[SignIn, str]:
    """Return the sign-in that the browser kept, and the address that it came back to.

    Raises:
        AppError: UNAUTHENTICATED if it has expired, is none of ours, or not that which the state is of.
    """
    try:
        sign_in = provider.sign_ins.read(data.sign_in.get_secret_value(), utc_now())
    except SignInError as error:
        raise unauthenticated(OVER) from error
    redirect_uri = provider.redirect_uri_of(sign_in)
    given = data.state.get_secret_value().encode(errors="surrogatepass")
    if redirect_uri is None or not compare_digest(sign_in.state.encode(), given):
        raise unauthenticated(OVER)
    return sign_in, redirect_uri


async def _use(uow: UnitOfWork, sign_in: SignIn) -> None:
    """Let a sign-in count no more, whichever process is asked. Of several at once all but one come to nothing.

    Raises:
        AppError: UNAUTHENTICATED for those.
    """
    try:
        await uow.session.insert(UsedOidcSignIn(id=sign_in.id, expires_at=sign_in.expires_at))
    except ConstraintViolatedError as error:
        raise unauthenticated(OVER) from error
