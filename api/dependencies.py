"""What REST operations are handed: the actor, a unit of work, a page, an expected version."""

import re
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Header, Path, Request, Security
from fastapi.security import HTTPBearer
from starlette.requests import HTTPConnection

from api.core.actor import ANONYMOUS, Actor
from api.core.errors import AppError, ErrorCode
from api.core.identity import Identity
from api.core.pages import PageArguments
from api.request_log import record_of
from api.schemas.pages import PageQuery
from api.schemas.scalars import Uuid
from api.services import auth
from api.services.live.hub import Hub
from db.engine import Database
from db.unit_of_work import ReadUnit, UnitOfWork

_bearer = HTTPBearer(
    auto_error=False, scheme_name="bearer", description="The `access_token` from `POST /api/auth/login`."
)


def get_database(connection: HTTPConnection) -> Database:
    """Return the application's database."""
    database: Database = connection.app.state.database
    return database


def get_hub(connection: HTTPConnection) -> Hub:
    """Return the hub of this process."""
    hub: Hub = connection.app.state.hub
    return hub


def get_identity(connection: HTTPConnection) -> Identity:
    """Return the installation's way with passwords and tokens."""
    identity: Identity = connection.app.state.identity
    return identity


async def identify(connection: HTTPConnection, credentials: str | None) -> Actor:
    """Return who calls, by the `Authorization` header's value, and note it for the log."""
    if credentials is None:
        return ANONYMOUS
    async with get_database(connection).read() as uow:
        actor = await auth.authenticate(uow, credentials, identity=get_identity(connection))
    record_of(connection).actor = actor.label
    return actor


async def _get_actor(request: Request) -> Actor:
    return await identify(request, request.headers.get("authorization"))


async def _get_read_unit(request: Request) -> AsyncIterator[ReadUnit]:
    async with get_database(request).read() as uow:
        yield uow


async def _get_unit_of_work(request: Request) -> AsyncIterator[UnitOfWork]:
    async with get_database(request).write() as uow:
        yield uow


async def _require_json(request: Request) -> None:
    """Refuse a body that does not call itself JSON; a missing body is left to validation."""
    if request.method not in ("POST", "PATCH"):
        return
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    if has_body and kind != "application/json":
        raise AppError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, "Send the body as application/json.")


def _get_expected_version(
    if_match: Annotated[
        str | None, Header(description='The version you edit, as its `ETag` says: `"3"`.', examples=['"3"'])
    ] = None,
) -> int | None:
    """Return the version of an `If-Match` header (RFC 9110, section 13.1.1); `*` expects none in particular."""
    if if_match is None or if_match.strip() == "*":
        return None
    match = re.fullmatch(r'"(\d{1,18})"', if_match.strip())
    if match is None:
        raise AppError(ErrorCode.BAD_REQUEST, 'If-Match must be one version in quotes, such as "3", or *.')
    return int(match[1])


def page_of(query: PageQuery) -> PageArguments:
    """Return the page that a REST client asked for."""
    return PageArguments(query.limit, query.skip, after=query.cursor, with_total=query.include_total)


# The function scope ends the transaction before the answer is sent: what the client reads is committed.
Read = Annotated[ReadUnit, Depends(_get_read_unit, scope="function")]
Write = Annotated[UnitOfWork, Depends(_get_unit_of_work, scope="function")]
CurrentActor = Annotated[Actor, Depends(_get_actor)]
LiveHub = Annotated[Hub, Depends(get_hub)]
InstalledIdentity = Annotated[Identity, Depends(get_identity)]
ExpectedVersion = Annotated[int | None, Depends(_get_expected_version)]
Id = Annotated[Uuid, Path(alias="id", description="The id.")]
UserId = Annotated[Uuid, Path(description="The user's id.")]

requires_json = Depends(_require_json)
shows_lock = Security(_bearer)
"""Puts the lock into the documentation; the actor is found by `CurrentActor`."""
