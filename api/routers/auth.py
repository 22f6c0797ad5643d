"""Signing in, and one's own sessions."""

from typing import Annotated

from fastapi import Query, Request, Response, status

from api import refresh_cookie
from api.core.errors import ErrorCode
from api.dependencies import Anyone, CurrentActor, Id, InstalledIdentity, Read, Write, WriteAnew, page_of
from api.problems import documented
from api.rest import GUARDED, listing, resource_router
from api.schemas.pages import PageQuery
from api.schemas.sessions import (
    AccessToken,
    Login,
    RevokedSessions,
    SessionList,
    SessionRead,
    SessionRefresh,
    StreamTicket,
    StreamTicketCreate,
)
from api.services import auth, sessions

router = resource_router("auth")


@router.post(
    "/auth/login",
    responses=documented(
        ErrorCode.UNAUTHENTICATED,
        ErrorCode.SECOND_STEP_NEEDED,
        ErrorCode.FORBIDDEN,
        ErrorCode.UNSUPPORTED_MEDIA_TYPE,
        ErrorCode.RATE_LIMITED,
    ),
)
async def login(
    data: Login, uow: WriteAnew, actor: Anyone, identity: InstalledIdentity, request: Request, response: Response
) -> AccessToken:
    """Sign in: exchange an e-mail address and its password for an access token and a refresh token.

    With `refresh_in_cookie` the refresh token goes into a cookie instead (`HttpOnly`, `SameSite=Strict`, `Secure`),
    for pages of this server and of `CORS_ORIGINS`; others answer `FORBIDDEN`. An account with two-step sign-in answers
    the error `SECOND_STEP_NEEDED`, with the `challenge` for `complete_login` in its details.
    """
    if data.refresh_in_cookie:
        refresh_cookie.check_origin(request)
    answer = await auth.login(uow, actor, data, identity=identity)
    return refresh_cookie.put(response, answer) if data.refresh_in_cookie else answer


@router.post("/auth/refresh", responses=documented(ErrorCode.FORBIDDEN, ErrorCode.UNSUPPORTED_MEDIA_TYPE))
async def refresh_session(
    data: SessionRefresh,
    uow: WriteAnew,
    actor: Anyone,
    identity: InstalledIdentity,
    request: Request,
    response: Response,
) -> AccessToken:
    """Exchange a refresh token for an access token and the next refresh token. Each counts once.

    A refresh token that was used already ends its session, as somebody else may have it. Only the last one still gets
    the same answer for ten seconds, for two requests that are sent at once. Without a `refresh_token` that of the
    cookie is taken, and the next one put there.
    """
    in_cookie = data.refresh_token is None
    given = refresh_cookie.take(request) if in_cookie else data
    answer = await sessions.refresh_session(uow, actor, given, identity=identity)
    return refresh_cookie.put(response, answer) if in_cookie else answer


@router.post("/auth/logout", status_code=status.HTTP_204_NO_CONTENT, responses=documented(ErrorCode.FORBIDDEN))
async def logout(uow: WriteAnew, actor: CurrentActor, request: Request, response: Response) -> None:
    """Sign out: end the session of the access token, its streams included, at once and on every server."""
    await sessions.logout(uow, actor)
    refresh_cookie.clear(request, response)


@router.get("/auth/sessions")
async def list_sessions(
    query: Annotated[PageQuery, Query()], uow: Read, actor: CurrentActor, request: Request
) -> SessionList:
    """List your sessions, newest first."""
    page = await sessions.list_sessions(uow, actor, page=page_of(query))
    return await listing(SessionList, SessionRead, page, request)


@router.delete("/auth/sessions/{id}", status_code=status.HTTP_204_NO_CONTENT, responses=GUARDED)
async def revoke_session(session_id: Id, uow: Write, actor: CurrentActor) -> None:
    """End one of your sessions."""
    await sessions.revoke_session(uow, actor, session_id)


@router.delete("/auth/sessions")
async def revoke_all_sessions(uow: Write, actor: CurrentActor) -> RevokedSessions:
    """End all your sessions except the one that asks, which `logout` ends."""
    return await sessions.revoke_all_sessions(uow, actor)


@router.post("/auth/stream-ticket", responses=documented(ErrorCode.NOT_FOUND, ErrorCode.UNSUPPORTED_MEDIA_TYPE))
async def create_stream_ticket(
    data: StreamTicketCreate, uow: Read, actor: CurrentActor, identity: InstalledIdentity
) -> StreamTicket:
    """Get a ticket for the event stream of a workspace, or of your own log, for a browser's `EventSource`."""
    return await auth.create_stream_ticket(uow, actor, data, identity=identity)
