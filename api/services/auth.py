"""Signing in, and telling who calls."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from api.core.actor import Actor, Anonymous, UserActor, require_user
from api.core.errors import unauthenticated
from api.core.identity import Identity
from api.core.tokens import Claims, TokenError
from api.schemas.users import AccessToken, Login, StreamTicket, StreamTicketCreate
from api.services import access
from db.models import User
from db.repositories import users
from db.unit_of_work import ReadUnit

TICKET_LIFETIME = timedelta(minutes=15)


async def login(uow: ReadUnit, actor: Actor, data: Login, *, identity: Identity) -> AccessToken:
    """Return an access token for an e-mail address and its password.

    An unknown address takes the same time and gets the same answer as a wrong password, so that
    nobody can find out who has an account.

    Raises:
        AppError: UNAUTHENTICATED; RATE_LIMITED after too many attempts.
    """
    await identity.attempts.try_password(data.email, actor.address)
    user = await users.find_by_email(uow.session, data.email) if "\x00" not in data.email else None
    await uow.session.release()
    password, password_hash = data.password.get_secret_value(), user.password_hash if user else None
    fits = await identity.passwords.verify(password, password_hash, whose=(data.email, actor.address or ""))
    if user is None or not fits or user.disabled:
        raise unauthenticated("The e-mail address or the password is wrong.")
    await identity.attempts.forgive(data.email, actor.address)
    lifetime = int(identity.tokens.lifetime.total_seconds())
    return AccessToken(access_token=identity.tokens.issue(user.id, user.token_generation), expires_in=lifetime)


async def authenticate(
    uow: ReadUnit, credentials: str | None, *, identity: Identity, address: str | None = None
) -> Actor:
    """Return who sent an `Authorization` header, or `Anonymous` with the reason why it does not count.

    Nothing is refused here: what an anonymous caller may do is the services' decision.
    """
    if credentials is None:
        return Anonymous(address=address)
    kind, _, token = credentials.partition(" ")
    if kind.lower() != "bearer" or not token:
        return Anonymous("The Authorization header must be: Bearer, a space, and an access token.", address)
    try:
        claims = identity.tokens.read(token.strip())
    except TokenError as error:
        return Anonymous(str(error), address)
    # Whoever shares an address does not share its turns.
    uow.session.on_account_of(claims.user_id)
    user = await users.find(uow.session, claims.user_id)
    return replace(_recognise(user, claims), address=address)


async def create_stream_ticket(
    uow: ReadUnit, actor: Actor, data: StreamTicketCreate, *, identity: Identity
) -> StreamTicket:
    """Return a ticket for the change stream of one workspace, for clients that cannot send headers.

    It opens streams for `TICKET_LIFETIME`, and never longer than the access token it was asked for with
    lasts; streams that it opened go on as long as that does.

    Raises:
        AppError: UNAUTHENTICATED or NOT_FOUND.
    """
    user = require_user(actor)
    workspace = await access.see(uow, actor, access.or_personal(actor, data.workspace_id))
    now = datetime.now(UTC)
    until = user.expires_at or now + identity.tokens.lifetime
    expires_at = min(now + TICKET_LIFETIME, until)
    ticket = identity.tokens.issue_ticket(user.id, user.generation, workspace.id, expires_at, until)
    return StreamTicket(ticket=ticket, expires_in=int((expires_at - now).total_seconds()))


async def admit(uow: ReadUnit, ticket: str, workspace_id: UUID, *, identity: Identity) -> Actor:
    """Return who holds a stream ticket for this workspace, or `Anonymous` with the reason why it does not count."""
    try:
        claims = identity.tokens.read_ticket(ticket)
    except TokenError:
        return Anonymous("The stream ticket is not valid or has expired.")
    if claims.workspace_id != workspace_id:
        return Anonymous("The stream ticket is for another workspace.")
    uow.session.on_account_of(claims.user_id)
    return _recognise(await users.find(uow.session, claims.user_id), claims)


def _recognise(user: User | None, claims: Claims) -> UserActor | Anonymous:
    if user is None or user.personal_workspace_id is None:
        return Anonymous(access.GONE)
    reason = access.objection(users.standing_of(user), claims.generation)
    if reason is not None:
        return Anonymous(reason)
    return UserActor(user.id, user.role, user.personal_workspace_id, claims.generation, claims.expires_at)
