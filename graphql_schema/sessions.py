"""Signing in, sessions, and how streams go on with them."""

from datetime import datetime
from typing import Annotated

import strawberry

from api.core.errors import invalid
from api.schemas import sessions as schemas
from api.services import auth, sessions
from db.models import UserSession
from db.paging import Page
from graphql_schema.connections import After, Before, Connection, First, Last, page_arguments
from graphql_schema.door.context import Info
from graphql_schema.from_pydantic import ModelInput, from_input, from_output
from graphql_schema.types import INPUT, PUBLIC, Deleted, Id

COOKIE_ELSEWHERE = "Sign in at the REST door for a cookie: this one sets none"


@from_output(schemas.AccessToken)
class AccessToken:
    """A bearer token for the `Authorization` header, and what gets the next one."""


@from_output(schemas.SessionRead)
class Session:
    """A session: one of your sign-ins."""


@from_output(schemas.RevokedSessions)
class RevokedSessions:
    """What was ended."""


@from_output(schemas.StreamTicket)
class StreamTicket:
    """A short-lived ticket for an event stream of the REST door, for a browser's `EventSource`."""


@strawberry.type(description="What a renewal gave.")
class Renewal:
    """The answer of `renewStream`."""

    expires_at: datetime | None = strawberry.field(description="Until when the socket's subscriptions may go on.")


@from_input(schemas.Login)
class Login(ModelInput[schemas.Login]):
    """Who wants to sign in."""


@from_input(schemas.SessionRefresh)
class SessionRefresh(ModelInput[schemas.SessionRefresh]):
    """What prolongs a session."""


@from_input(schemas.StreamTicketCreate)
class StreamTicketCreate(ModelInput[schemas.StreamTicketCreate]):
    """What a stream ticket is wanted for."""


@strawberry.type
class SessionQuery:
    """Reading sessions."""

    @strawberry.field(description="Your sessions, newest first.", graphql_type=Connection[Session])
    async def sessions(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Page[UserSession]:
        """Return one page of sessions."""
        page = page_arguments(info, first, after, last, before)
        async with info.context.read() as uow:
            return await sessions.list_sessions(uow, info.context.actor, page=page)


@strawberry.type
class SessionMutation:
    """Signing in and out."""

    @strawberry.mutation(
        description="Sign in: exchange an e-mail address and its password for an access token and a refresh token. An "
        "account with two-step sign-in answers the error `SECOND_STEP_NEEDED`, with the `challenge` for "
        "`completeLogin` in its details.",
        metadata=PUBLIC,
    )
    async def login(self, info: Info, input: Annotated[Login, INPUT]) -> AccessToken:
        """Sign in."""
        data = input.to_model()
        if data.refresh_in_cookie:
            raise invalid([("refresh_in_cookie", COOKIE_ELSEWHERE)])
        async with info.context.write() as uow:
            token = await auth.login(uow, info.context.actor, data, identity=info.context.identity)
        return AccessToken(**token.model_dump())

    @strawberry.mutation(
        description="Exchange a refresh token for an access token and the next refresh token. Each counts once: one "
        "that was used already ends its session, as somebody else may have it. Only the last one still gets the same "
        "answer for ten seconds, for two requests that are sent at once.",
        metadata=PUBLIC,
    )
    async def refresh_session(self, info: Info, input: Annotated[SessionRefresh, INPUT]) -> AccessToken:
        """Refresh a session."""
        data = input.to_model()
        async with info.context.write() as uow:
            token = await sessions.refresh_session(uow, info.context.actor, data, identity=info.context.identity)
        return AccessToken(**token.model_dump())

    @strawberry.mutation(
        description="Sign out: end the session of the access token, its streams included, at once and on every server."
    )
    async def logout(self, info: Info) -> Deleted:
        """Sign out."""
        async with info.context.write() as uow:
            session_id = await sessions.logout(uow, info.context.actor)
        return Deleted(deleted_id=strawberry.ID(str(session_id)))

    @strawberry.mutation(description="End one of your sessions.")
    async def revoke_session(self, info: Info, id: Id) -> Deleted:
        """End a session."""
        async with info.context.write() as uow:
            await sessions.revoke_session(uow, info.context.actor, id)
        return Deleted(deleted_id=strawberry.ID(str(id)))

    @strawberry.mutation(description="End all your sessions except the one that asks, which `logout` ends.")
    async def revoke_all_sessions(self, info: Info) -> RevokedSessions:
        """End all other sessions."""
        async with info.context.write() as uow:
            revoked = await sessions.revoke_all_sessions(uow, info.context.actor)
        return RevokedSessions(**revoked.model_dump())

    @strawberry.mutation(
        description="Get a ticket for the REST door's event stream of a workspace, or of your own log."
    )
    async def create_stream_ticket(self, info: Info, input: Annotated[StreamTicketCreate, INPUT]) -> StreamTicket:
        """Get a ticket."""
        data = input.to_model()
        context = info.context
        async with context.read() as uow:
            ticket = await auth.create_stream_ticket(uow, context.actor, data, identity=context.identity)
        return StreamTicket(**ticket.model_dump())

    @strawberry.mutation(
        description="Let the subscriptions of this socket go on with a fresh access token of the user who opened it, "
        "before theirs expires. What comes over it from then on is done with that token, and ends with its session. A "
        "stream over Server-Sent Events ends with its token: open another one with a fresh token, `after` the last "
        "number.",
        metadata=PUBLIC,
    )
    async def renew_stream(
        self, info: Info, token: Annotated[str, strawberry.argument(description="The fresh access token.")]
    ) -> Renewal:
        """Renew the right of the socket's streams."""
        actor = await info.context.renew(token)
        return Renewal(expires_at=actor.expires_at)
