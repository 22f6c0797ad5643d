"""Signing in, and telling who calls."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from api.core.actor import Actor, Anonymous, UserActor, refuse_keys, require_person
from api.core.api_keys import PREFIX, KeyGrant, digest_of, is_genuine
from api.core.errors import forbidden, unauthenticated
from api.core.identity import Identity
from api.core.tokens import Claims, TokenError
from api.schemas.sessions import AccessToken, Login, StreamTicket, StreamTicketCreate
from api.services import access, second_step, security, sessions
from db.clock import utc_now
from db.models import ApiKey, SecurityEventKind, User
from db.repositories import api_keys, users
from db.repositories.sessions import find_with_user
from db.unit_of_work import ReadUnit, UnitOfWork

TICKET_LIFETIME = timedelta(minutes=15)


async def login(uow: UnitOfWork, actor: Actor, data: Login, *, identity: Identity) -> AccessToken:
    """Begin a session for an e-mail address and its password.

    An unknown address takes the same time and gets the same answer as a wrong password, so that
    nobody can find out who has an account.

    Raises:
        AppError: UNAUTHENTICATED; RATE_LIMITED after too many attempts; FORBIDDEN for an API key;
            SECOND_STEP_NEEDED, with the challenge for `complete_login`, if the password is right and the account
            has two-step sign-in.
    """
    refuse_keys(actor)
    await identity.attempts.try_password(data.email, actor.address)
    known = await users.find_by_email(uow.session, data.email) if "\x00" not in data.email else None
    await uow.session.release()
    password, password_hash = data.password.get_secret_value(), known.password_hash if known else None
    fits = await identity.passwords.verify(password, password_hash, whose=(data.email, actor.address or ""))
    user = None
    if known is not None and fits and not known.disabled:
        await identity.attempts.forgive(data.email, actor.address)
        # What was found before the password was hashed may have changed meanwhile.
        user = await users.lock(uow.session, known.id)
    if user is None or user.disabled or user.password_hash != password_hash:
        tried = {"email": data.email} if _is_address(data.email) else {}
        kind = SecurityEventKind.SIGN_IN_FAILED
        await security.record(uow, actor, kind, known.id if known else None, **tried)
        raise uow.keep(unauthenticated("The e-mail address or the password is wrong."))
    if user.two_step_since is not None:
        raise uow.keep(await second_step.ask(uow, user, identity=identity))
    return await sessions.begin(uow, actor, user, identity=identity)


def _is_address(text: str) -> bool:
    """Return whether it may be shown: people type their password into the wrong field."""
    return "@" in text and text.isprintable()


async def authenticate(
    uow: ReadUnit,
    credentials: str | None,
    *,
    identity: Identity,
    address: str | None = None,
    device: str | None = None,
) -> Actor:
    """Return who sent an `Authorization` header, or `Anonymous` with the reason why it does not count.

    Nothing is refused here: what an anonymous caller may do is the services' decision.
    """
    actor = await _recognise_token(uow, credentials, identity)
    return replace(actor, address=address, device=device)


async def _recognise_token(uow: ReadUnit, credentials: str | None, identity: Identity) -> UserActor | Anonymous:
    if credentials is None:
        return Anonymous()
    kind, _, token = credentials.partition(" ")
    if kind.lower() != "bearer" or not token:
        return Anonymous("The Authorization header must be: Bearer, a space, and an access token or API key.")
    token = token.strip()
    if token.startswith(PREFIX):
        return await _recognise_key(uow, token)
    try:
        claims = identity.tokens.read(token)
    except TokenError as error:
        return Anonymous(str(error))
    return await _recognise(uow, claims)


async def create_stream_ticket(
    uow: ReadUnit, actor: Actor, data: StreamTicketCreate, *, identity: Identity
) -> StreamTicket:
    """Return a ticket for the stream of one workspace's log, or of one's own, for clients that cannot send headers.

    It opens streams for `TICKET_LIFETIME`, and never longer than the access token it was asked for with
    lasts; streams that it opened go on as long as that does.

    Raises:
        AppError: UNAUTHENTICATED or NOT_FOUND; FORBIDDEN for an API key, whose program can send headers.
    """
    user = require_person(actor)
    session_id = user.session_id
    if session_id is None:
        raise forbidden("A stream ticket belongs to a session, and there is none.")
    workspace_id = None
    if not data.mine:
        workspace_id = (await access.see(uow, actor, access.or_personal(actor, data.workspace_id))).id
    now = datetime.now(UTC)
    until = user.expires_at or now + identity.tokens.lifetime
    expires_at = min(now + TICKET_LIFETIME, until)
    ticket = identity.tokens.issue_ticket(user.id, session_id, workspace_id, expires_at, until)
    return StreamTicket(ticket=ticket, expires_in=int((expires_at - now).total_seconds()))


async def admit(uow: ReadUnit, ticket: str, workspace_id: UUID | None, *, identity: Identity) -> Actor:
    """Return who holds a stream ticket for this workspace, or `Anonymous` with the reason why it does not count.

    None is the holder's own log.
    """
    try:
        claims = identity.tokens.read_ticket(ticket)
    except TokenError:
        return Anonymous("The stream ticket is not valid or has expired.")
    if claims.workspace_id != workspace_id:
        return Anonymous("The stream ticket is for another log.")
    return await _recognise(uow, claims)


async def recall(uow: ReadUnit, user_id: UUID, key_id: UUID | None) -> Actor:
    """Return who once left a sealed word, as it stands now: by the same API key, or as if it were signed in.

    It is `Anonymous` if the account or the key counts no more.
    """
    if key_id is None:
        return _standing(await users.find(uow.session, user_id), is_signed_in=True)
    return _holder(*await api_keys.find_with_user(uow.session, api_keys.with_id(key_id)))


async def _recognise(uow: ReadUnit, claims: Claims) -> UserActor | Anonymous:
    # Whoever shares an address does not share its turns.
    uow.session.on_account_of(claims.user_id)
    user, session = await find_with_user(uow.session, claims.user_id, claims.session_id)
    actor = _standing(user, is_signed_in=session is not None)
    if isinstance(actor, Anonymous):
        return actor
    return replace(actor, session_id=claims.session_id, expires_at=claims.expires_at)


async def _recognise_key(uow: ReadUnit, text: str) -> UserActor | Anonymous:
    if not is_genuine(text):
        # Mistyped, cut off or made up: not worth a look into the database.
        return Anonymous("The API key is not valid.")
    return _holder(*await api_keys.find_with_user(uow.session, api_keys.with_digest(digest_of(text))))


def _standing(user: User | None, *, is_signed_in: bool) -> UserActor | Anonymous:
    if user is None or user.personal_workspace_id is None:
        return Anonymous(access.GONE)
    reason = access.objection(users.standing_of(user, is_signed_in=is_signed_in), by_key=False)
    return Anonymous(reason) if reason else UserActor(user.id, user.role, user.personal_workspace_id)


def _holder(key: ApiKey | None, user: User | None) -> UserActor | Anonymous:
    if key is None or user is None or user.personal_workspace_id is None:
        return Anonymous("The API key is not valid, or was revoked.")
    lives = key.expires_at > utc_now()
    reason = access.objection(users.standing_of(user, is_signed_in=lives), by_key=True)
    if reason is not None:
        return Anonymous(reason)
    grant = KeyGrant(key.id, key.access, key.workspace_id, key.last_used_at)
    return UserActor(user.id, user.role, user.personal_workspace_id, key=grant, expires_at=key.expires_at)
