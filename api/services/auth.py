"""Signing in, and telling who calls."""

from api.core.actor import ANONYMOUS, Actor, Anonymous, UserActor
from api.core.errors import unauthenticated
from api.core.identity import Identity
from api.core.tokens import TokenError
from api.schemas.users import AccessToken, Login
from db.models import User
from db.repositories import users
from db.unit_of_work import ReadUnit


async def login(uow: ReadUnit, _actor: Actor, data: Login, *, identity: Identity) -> AccessToken:
    """Return an access token for an e-mail address and its password.

    An unknown address takes the same time and gets the same answer as a wrong password, so that
    nobody can find out who has an account.

    Raises:
        AppError: UNAUTHENTICATED.
    """
    email = data.email.strip().lower()
    user = await users.find_by_email(uow.session, email) if "\x00" not in email else None
    await uow.session.release()
    fits = await identity.passwords.verify(data.password.get_secret_value(), user.password_hash if user else None)
    if user is None or not fits or user.disabled:
        raise unauthenticated("The e-mail address or the password is wrong.")
    lifetime = int(identity.tokens.lifetime.total_seconds())
    return AccessToken(access_token=identity.tokens.issue(user.id, user.token_generation), expires_in=lifetime)


async def authenticate(uow: ReadUnit, credentials: str | None, *, identity: Identity) -> Actor:
    """Return who sent an `Authorization` header, or `Anonymous` with the reason why it does not count.

    Nothing is refused here: what an anonymous caller may do is the services' decision.
    """
    if credentials is None:
        return ANONYMOUS
    kind, _, token = credentials.partition(" ")
    if kind.lower() != "bearer" or not token:
        return Anonymous("The Authorization header must be: Bearer, a space, and an access token.")
    try:
        claims = identity.tokens.read(token.strip())
    except TokenError as error:
        return Anonymous(str(error))
    user = await users.find(uow.session, claims.user_id)
    return _recognise(user, claims.generation)


def _recognise(user: User | None, generation: int) -> Actor:
    if user is None or user.personal_workspace_id is None:
        return Anonymous("The account of this access token no longer exists.")
    if user.disabled:
        return Anonymous("The account is disabled.")
    if user.token_generation != generation:
        return Anonymous("The access token was ended by a change of password. Sign in again.")
    return UserActor(user.id, user.role, user.personal_workspace_id)
