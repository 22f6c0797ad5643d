"""Sessions: what a sign-in begins, refreshes prolong, and signing out ends, on every device at once if need be."""

from datetime import timedelta
from uuid import UUID

from api.core.actor import Actor, refuse_keys, require_person, require_user
from api.core.errors import forbidden, invalid, not_found, unauthenticated
from api.core.identity import Identity
from api.core.pages import PageArguments
from api.core.refresh_tokens import RefreshToken, RefreshTokenError
from api.schemas.sessions import AccessToken, RevokedSessions, SessionRefresh
from api.services import access, security
from api.services.idempotency import idempotent
from api.services.new_sign_ins import tell_of_new_device
from db.clock import utc_now
from db.models import SecurityEventKind, User, UserSession
from db.models.base import new_id
from db.paging import Page
from db.repositories import sessions, users
from db.unit_of_work import ReadUnit, UnitOfWork

GRACE = timedelta(seconds=10)
"""For so long the refresh token before the present one still gets it: of two requests at once, one comes second."""

MOST = 100
"""Sessions of a user at once; a further sign-in ends the one that was refreshed longest ago."""

NOT_VALID = "The refresh token is not valid."
ENDED = "The session of this refresh token has ended. Sign in again."
REUSED = "The refresh token was used before, so that somebody else may have it: its session was ended. Sign in again."


async def begin(uow: UnitOfWork, actor: Actor, user: User, *, identity: Identity) -> AccessToken:
    """Begin a session of a user whose account is locked, for whoever proved to be that user."""
    await tell_of_new_device(uow, actor, user)
    await sessions.delete_outdated(uow.session, user.id, keep=MOST - 1)
    token = identity.refresh_tokens.first(new_id())
    now = utc_now()
    session = UserSession(
        id=token.session_id,
        user_id=user.id,
        created_at=now,
        last_used_at=now,
        expires_at=now + identity.refresh_tokens.lifetime,
        device=actor.device,
        address=actor.address,
        refresh_hash=token.digest,
    )
    await uow.session.insert(session)
    await security.record(
        uow, actor, SecurityEventKind.SIGNED_IN, user.id, who=str(user.id), session_id=str(token.session_id)
    )
    return _answer(user, token, identity)


async def refresh_session(uow: UnitOfWork, actor: Actor, data: SessionRefresh, *, identity: Identity) -> AccessToken:
    """Exchange a refresh token for an access token and the next refresh token.

    Each counts once. One that was used already ends its session, unless it is the last one and was used within
    `GRACE`: then the answer is the same once more.

    Raises:
        AppError: UNAUTHENTICATED; VALIDATION_ERROR without a token; FORBIDDEN for an API key.
    """
    refuse_keys(actor)
    if data.refresh_token is None:
        raise invalid([("refresh_token", "It is needed")])
    try:
        given = identity.refresh_tokens.read(data.refresh_token.get_secret_value())
    except RefreshTokenError as error:
        raise unauthenticated(NOT_VALID) from error
    session = await sessions.find(uow.session, given.session_id)
    user = None if session is None else await users.lock(uow.session, session.user_id)
    # Somebody else may have refreshed or ended it before the account was locked.
    session = await sessions.find(uow.session, given.session_id)
    if user is None or session is None:
        raise unauthenticated(ENDED)
    following = identity.refresh_tokens.after(given)
    if session.refresh_hash == given.digest:
        await _prolong(uow, actor, session, following, identity)
    elif session.refresh_hash != following.digest or utc_now() - session.last_used_at > GRACE:
        await _end(uow, session)
        await security.record(
            uow, actor, SecurityEventKind.REFRESH_TOKEN_REUSED, user.id, session_id=str(given.session_id)
        )
        raise uow.keep(unauthenticated(REUSED))
    return _answer(user, following, identity)


async def logout(uow: UnitOfWork, actor: Actor) -> UUID:
    """End the session that asks, and return its id.

    Raises:
        AppError: UNAUTHENTICATED; FORBIDDEN for who has no session.
    """
    session_id = require_person(actor).session_id
    if session_id is None:
        raise forbidden("There is no session to end.")
    await _end_own(uow, actor, session_id, SecurityEventKind.SIGNED_OUT)
    return session_id


async def list_sessions(uow: ReadUnit, actor: Actor, *, page: PageArguments) -> Page[UserSession]:
    """Return one page of one's own sessions, newest first.

    Raises:
        AppError: UNAUTHENTICATED.
    """
    caller = require_person(actor)
    return await sessions.page(uow.session, caller.id, caller.session_id, page.of(sessions.NEWEST_FIRST))


@idempotent
async def revoke_session(uow: UnitOfWork, actor: Actor, session_id: UUID) -> None:
    """End one of one's own sessions.

    Raises:
        AppError: UNAUTHENTICATED; NOT_FOUND.
    """
    await _end_own(uow, actor, session_id, SecurityEventKind.SESSION_REVOKED)


@idempotent
async def revoke_all_sessions(uow: UnitOfWork, actor: Actor) -> RevokedSessions:
    """End all of one's own sessions except the one that asks: that one `logout` ends.

    Raises:
        AppError: UNAUTHENTICATED.
    """
    user = await access.enter_own_account(uow, actor)
    own = require_user(actor).session_id
    ended = await sessions.ids_of(uow.session, user.id, but=own)
    if ended:
        await end_all(uow, user.id, but=own)
        names = [str(session_id) for session_id in ended]
        await security.record(uow, actor, SecurityEventKind.SESSION_REVOKED, user.id, session_ids=names)
    return RevokedSessions(revoked=len(ended))


async def end_all(uow: UnitOfWork, user_id: UUID, *, but: UUID | None = None) -> None:
    """End the sessions of a user whose account is locked, except one; their streams end after the commit."""
    await sessions.delete_all_of(uow.session, user_id, but=but)
    uow.touched_users.add(user_id)


async def _end_own(uow: UnitOfWork, actor: Actor, session_id: UUID, kind: SecurityEventKind) -> None:
    user = await access.enter_own_account(uow, actor)
    session = await sessions.find(uow.session, session_id)
    if session is None or session.user_id != user.id:
        raise not_found("session")
    await _end(uow, session)
    await security.record(uow, actor, kind, user.id, session_id=str(session_id))


async def _end(uow: UnitOfWork, session: UserSession) -> None:
    await uow.session.delete(session)
    uow.touched_users.add(session.user_id)


async def _prolong(
    uow: UnitOfWork, actor: Actor, session: UserSession, following: RefreshToken, identity: Identity
) -> None:
    session.last_used_at = utc_now()
    session.expires_at = session.last_used_at + identity.refresh_tokens.lifetime
    session.device, session.address = actor.device, actor.address
    session.refresh_hash = following.digest
    await uow.session.flush()


def _answer(user: User, token: RefreshToken, identity: Identity) -> AccessToken:
    return AccessToken(
        access_token=identity.tokens.issue(user.id, token.session_id),
        expires_in=int(identity.tokens.lifetime.total_seconds()),
        refresh_token=token.text,
        refresh_expires_in=int(identity.refresh_tokens.lifetime.total_seconds()),
    )
