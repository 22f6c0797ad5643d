"""Signing in, and the sessions that begin with it."""

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field

from api.schemas.emails import GivenEmail
from api.schemas.pages import Listing
from api.schemas.scalars import Uuid
from api.schemas.types import Count, Flag, Input, Moment, Output, Seconds, Secret
from api.schemas.users import GivenPassword
from db.models.sessions import MAX_ADDRESS, MAX_DEVICE

MAX_TOKEN = 200

GivenRefreshToken = Annotated[Secret, Field(max_length=MAX_TOKEN)]


class Login(Input):
    """Who wants to sign in."""

    example: ClassVar = {"email": "ada@example.com", "password": "Analytical1"}

    email: Annotated[
        GivenEmail,
        Field(description="In any case, and otherwise as at sign-up or as stored."),
    ]
    password: Annotated[GivenPassword, Field(description="The password.")]
    refresh_in_cookie: Annotated[
        Flag,
        Field(description="Put the refresh token into a cookie, out of a page's reach. The REST door alone does that."),
    ] = False


class AccessToken(Output):
    """A bearer token (RFC 6750) for the `Authorization` header, and what gets the next one."""

    access_token: Annotated[str, Field(description="Send it as `Authorization: Bearer …`.")]
    token_type: Annotated[str, Field(description="Always `bearer`.")] = "bearer"  # noqa: S105 - the kind, no secret
    expires_in: Annotated[Seconds, Field(description="Seconds until it expires.")]
    refresh_token: Annotated[
        str | None,
        Field(description="For `refresh_session`, once: that answers the next one. Null if it is in a cookie."),
    ]
    refresh_expires_in: Annotated[Seconds, Field(description="Seconds until the session ends without a refresh.")]


class SessionRefresh(Input):
    """What prolongs a session."""

    example: ClassVar = {}

    refresh_token: Annotated[
        GivenRefreshToken | None,
        Field(description="The last one that was answered. If absent at the REST door, that of the cookie."),
    ] = None


class SessionRead(Output):
    """A session: one of your sign-ins."""

    id: Annotated[UUID, Field(description="The session's id.")]
    device: Annotated[
        str | None, Field(max_length=MAX_DEVICE, description="What it was last refreshed with, as it says itself.")
    ]
    address: Annotated[str | None, Field(max_length=MAX_ADDRESS, description="From where it was last refreshed.")]
    created_at: Annotated[Moment, Field(description="When you signed in.")]
    last_used_at: Annotated[Moment, Field(description="When it was last refreshed.")]
    expires_at: Annotated[Moment, Field(description="When it ends without a refresh.")]
    current: Annotated[bool, Field(description="Whether it is the one that asks.")]


class SessionList(Listing[SessionRead]):
    """One page of sessions."""


class RevokedSessions(Output):
    """What was ended."""

    revoked: Annotated[Count, Field(description="How many sessions were ended.")]


class StreamTicketCreate(Input):
    """What a stream ticket is wanted for."""

    example: ClassVar = {}

    workspace_id: Annotated[
        Uuid | None,
        Field(description="The workspace whose changes will be watched; your personal workspace if absent."),
    ] = None
    mine: Annotated[Flag, Field(description="Instead for your own log, whatever the workspace.")] = False


class StreamTicket(Output):
    """A short-lived ticket for an event stream, `…/stream?ticket=…`, for a browser's `EventSource`."""

    ticket: Annotated[str, Field(description="Put it into the address as `ticket`.")]
    expires_in: Annotated[
        Seconds,
        Field(description="Seconds for which it opens streams; an open one goes on as long as your access token."),
    ]
