"""What REST operations are handed: the actor, a unit of work, a page, an expected version."""

import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Annotated, Any, get_args, get_origin
from urllib.parse import unquote_to_bytes

from fastapi import Depends, Header, Path, Request, Response, Security
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.requests import HTTPConnection

from api.core.actor import ANONYMOUS, SYSTEM, Actor, Anonymous, UserActor, require_user
from api.core.addresses import network_of
from api.core.budget import Balance, Budget
from api.core.errors import AppError, ErrorCode, invalid
from api.core.files.rules import FileRules
from api.core.idempotency import MAX_KEY, read_key
from api.core.identity import Identity
from api.core.media_types import is_json
from api.core.oidc.provider import Provider
from api.core.pages import PageArguments
from api.core.webhook_rules import WebhookRules
from api.schemas.pages import MAX_LIMIT, PageQuery
from api.schemas.prices import price_of
from api.schemas.scalars import Uuid
from api.server.body_limit import admit_large_body
from api.server.request_log import record_of
from api.services import auth
from api.services.edits import Expected
from api.services.live.hub import Hub
from api.services.live.streams import Stream
from db.engine import Database
from db.models.sessions import MAX_ADDRESS, MAX_DEVICE
from db.turns import Caller
from db.unit_of_work import ReadUnit, UnitOfWork

# Headers that are lists, which may come in several lines (RFC 9110, section 5.3).
_LISTS = frozenset({"if-match"})

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="bearer",
    description="The `access_token` from `POST /api/auth/login`, or a `key` from `POST /api/auth/api-keys`.",
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


def get_oidc_provider(connection: HTTPConnection) -> Provider | None:
    """Return the provider to sign in with, if there is one."""
    provider: Provider | None = connection.app.state.oidc_provider
    return provider


def get_webhook_rules(connection: HTTPConnection) -> WebhookRules:
    """Return the installation's way with webhooks."""
    rules: WebhookRules = connection.app.state.webhook_rules
    return rules


def get_file_rules(connection: HTTPConnection) -> FileRules:
    """Return the installation's way with files."""
    rules: FileRules = connection.app.state.file_rules
    return rules


def caller_of(connection: HTTPConnection, actor: Actor) -> Caller:
    """Return on whose account the actor reads and writes: its own, or that of its address."""
    if actor is SYSTEM:
        return SYSTEM.label
    return actor.user_id or network_of(connection.client.host if connection.client else ANONYMOUS.label)


async def identify(connection: HTTPConnection, credentials: str | None) -> Actor:
    """Return who calls, by the `Authorization` header's value, and note it for the log."""
    # Through a proxy it is what that makes of it, an address or not.
    address = connection.client.host[:MAX_ADDRESS] if connection.client else None
    device = _device_of(connection)
    actor: Actor = Anonymous(address=address, device=device)
    if credentials is not None:
        async with get_database(connection).read(caller_of(connection, ANONYMOUS)) as uow:
            actor = await auth.authenticate(
                uow, credentials, address=address, device=device, identity=get_identity(connection)
            )
        record_of(connection).actor = actor.label
        if isinstance(actor, UserActor) and actor.key is not None:
            connection.app.state.key_uses.note(actor.id, actor.key)
    if actor.user_id is not None:
        admit_large_body(connection.scope)
    connection.app.state.pace.greet(caller_of(connection, actor))
    return actor


async def charge(connection: HTTPConnection, actor: Actor, cost: int) -> Balance | None:
    """Spend some of the caller's budget, and return what remains; None if nothing is limited.

    Raises:
        AppError: RATE_LIMITED if less than that is left, QUERY_TOO_COMPLEX if there never is as much.
    """
    budget: Budget = connection.app.state.budget
    balance = record_of(connection).balance = await budget.spend(caller_of(connection, actor), cost)
    if balance is not None and balance.is_refused:
        raise balance.refusal(cost)
    return balance


def refuse_used_up(connection: HTTPConnection, actor: Actor) -> None:
    """Refuse a caller that is known to have nothing left of its budget, before any work is done for it.

    Raises:
        AppError: RATE_LIMITED.
    """
    budget: Budget = connection.app.state.budget
    balance = budget.used_up(caller_of(connection, actor))
    if balance is not None:
        record_of(connection).balance = balance
        raise balance.refusal(1)


def charge_event(connection: HTTPConnection, stream: Stream) -> None:
    """Count an event on its way to who watches, whom it never keeps from being told."""
    budget: Budget = connection.app.state.budget
    budget.tell(stream.user_id, stream.cost)


def charge_bytes(connection: HTTPConnection, actor: Actor, size: int) -> None:
    """Count bytes of files that were taken or sent, which the caller's next request pays for."""
    budget: Budget = connection.app.state.budget
    budget.owe(caller_of(connection, actor), size // BYTES_PER_POINT)


def _device_of(connection: HTTPConnection) -> str | None:
    """Return what the client says it is, cut to what is kept of it."""
    told = "".join(letter for letter in connection.headers.get("user-agent", "") if letter.isprintable())
    return told[:MAX_DEVICE] or None


def header_of(connection: HTTPConnection, name: str) -> str | None:
    """Return a header's value; several lines of one name are one list (RFC 9110, section 5.2)."""
    lines = connection.headers.getlist(name)
    return ", ".join(lines) if lines else None


async def get_anyone(request: Request) -> Actor:
    """Return who calls, found out once per request."""
    known: Actor | None = getattr(request.state, "actor", None)
    if known is None:
        known = request.state.actor = await identify(request, header_of(request, "authorization"))
    return known


async def _get_actor(request: Request) -> Actor:
    """Return the user who calls.

    Raises:
        AppError: UNAUTHENTICATED for nobody.
    """
    return require_user(await get_anyone(request))


CurrentActor = Annotated[Actor, Depends(_get_actor)]
"""A user; nobody is refused before the body is read."""
Anyone = Annotated[Actor, Depends(get_anyone)]
"""Whoever calls, nobody in particular included: for signing up and in."""


BYTES_PER_POINT = 1024
"""So many bytes of a file cost as much as one field of an answer, in work of the server."""

_SIZE = re.compile("[1-9][0-9]{0,2}")

LONG_BODY = 8 * 1024
"""Bytes that take so long to read as JSON, some milliseconds, that others have their turn first."""


class PacedRequest(Request):
    """A request whose body is read when it is its caller's turn."""

    async def json(self) -> Any:
        """Return what the body says."""
        if len(await self.body()) > LONG_BODY:
            await self.app.state.pace.turn(caller_of(self, getattr(self.state, "actor", ANONYMOUS)))
        return await super().json()


def _size(request: Request, sizes: Sequence[int]) -> int:
    """Return how long a page is asked for; what is no size will be refused, and costs as much as the longest."""
    if not sizes:
        return 1
    asked = request.query_params.get("limit")
    if asked is None:
        return sizes[0]
    return min(int(asked), MAX_LIMIT) if _SIZE.fullmatch(asked) else MAX_LIMIT


class IdentifiedRoute(APIRoute):
    """A route that finds out who calls, and lets it pay, before it reads the body.

    If its operation is for a `CurrentActor`, nobody in particular is refused then.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler."""
        handle = super().get_route_handler()
        is_for_users = any(dependency.call is _get_actor for dependency in self.dependant.dependencies)
        sizes = [field.default for field in get_flat_params(self.dependant) if field.alias == "limit"]

        async def identify_first(request: Request) -> Response:
            actor = await get_anyone(request)
            await charge(request, actor, price_of(self.response_model, _size(request, sizes)))
            if is_for_users:
                require_user(actor)
            return await handle(PacedRequest(request.scope, request.receive))

        return identify_first


async def _get_read_unit(request: Request, actor: Anyone) -> AsyncIterator[ReadUnit]:
    async with get_database(request).read(caller_of(request, actor)) as uow:
        yield uow


async def _get_own_read_unit(request: Request) -> AsyncIterator[ReadUnit]:
    async with get_database(request).own_read("ready") as uow:
        yield uow


async def _get_unit_of_work_anew(request: Request, actor: Anyone) -> AsyncIterator[UnitOfWork]:
    async with get_database(request).write(caller_of(request, actor)) as uow:
        yield uow


def _get_idempotency_key(
    idempotency_key: Annotated[
        str | None,
        Header(
            description="A name for this request, such as a UUID. Sent again within a day, at either door, it is not "
            "done again, but answered as it was.",
            max_length=MAX_KEY + 2,
            examples=["0198c0de-0000-7000-8000-000000000000"],
        ),
    ] = None,
) -> str | None:
    return read_key(idempotency_key)


IdempotencyKey = Annotated[str | None, Depends(_get_idempotency_key)]


async def _get_unit_of_work(
    request: Request, actor: Anyone, idempotency_key: IdempotencyKey
) -> AsyncIterator[UnitOfWork]:
    async with get_database(request).write(caller_of(request, actor)) as uow:
        uow.idempotency_key = idempotency_key
        yield uow


async def _require_json(request: Request) -> None:
    """Refuse a body that does not call itself JSON; a missing body is left to validation."""
    if request.method not in ("POST", "PATCH"):
        return
    has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    if has_body and not is_json(request.headers.get("content-type")):
        raise AppError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, "Send the body as application/json.")


async def _require_unicode(request: Request) -> None:
    """Refuse a query string that is not UTF-8; Starlette would put other characters in its place."""
    try:
        unquote_to_bytes(request.scope["query_string"]).decode()
    except UnicodeDecodeError as error:
        raise AppError(ErrorCode.BAD_REQUEST, "The address must be written in UTF-8.") from error


# Proxies that compress an answer mark its tag as weak (nginx), or say how they did it (Apache, Jetty). What comes
# back is the version all the same.
_TAG = re.compile(r'(?:W/)?"([0-9]{1,18})(?:--?(?:gzip|br|zstd|deflate))?"')


def _get_expected_version(
    request: Request,
    if_match: Annotated[  # noqa: ARG001 - for the documentation: FastAPI hands out one line of several
        str | None,
        Header(
            alias="If-Match",
            description='The version you edit, as its `ETag` says: `"3"`; `*` for any.',
            examples=["*"],
        ),
    ] = None,
) -> Expected:
    """Return the versions of an `If-Match` header (RFC 9110, section 13.1.1); `*` expects none in particular."""
    given = header_of(request, "if-match")
    if given is None or given.strip() == "*":
        return None
    tags = [_TAG.fullmatch(tag.strip()) for tag in given.split(",")]
    versions = frozenset(int(tag[1]) for tag in tags if tag)
    if None in tags:
        raise AppError(ErrorCode.BAD_REQUEST, 'If-Match must be versions in quotes, such as "3", or *.')
    return versions if len(versions) > 1 else next(iter(versions))


async def _require_once(request: Request) -> None:
    """Refuse a parameter that is given twice and of which one would be dropped.

    Raises:
        AppError: VALIDATION_ERROR.
    """
    given = Counter(name for name, _ in (*request.query_params.multi_items(), *request.headers.items()))
    repeated = {name for name, number in given.items() if number > 1} - _LISTS
    if not repeated:
        return
    known = {
        field.alias.lower(): field.field_info.annotation for field in get_flat_params(request.scope["route"].dependant)
    }
    single = sorted(name for name in repeated & known.keys() if not _is_list(known[name]))
    if single:
        raise invalid((name, "It must be given once") for name in single)


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) is list or any(_is_list(part) for part in get_args(annotation))


def page_of(query: PageQuery) -> PageArguments:
    """Return the page that a REST client asked for."""
    return PageArguments(query.limit, query.skip, after=query.cursor, with_total=query.include_total)


# The function scope ends the transaction before the answer is sent: what the client reads is committed.
Read = Annotated[ReadUnit, Depends(_get_read_unit, scope="function")]
OwnRead = Annotated[ReadUnit, Depends(_get_own_read_unit, scope="function")]
Write = Annotated[UnitOfWork, Depends(_get_unit_of_work, scope="function")]
WriteAnew = Annotated[UnitOfWork, Depends(_get_unit_of_work_anew, scope="function")]
"""For what answers a secret, which is kept nowhere: it takes no idempotency key, and sent again it is done again."""
LiveHub = Annotated[Hub, Depends(get_hub)]
InstalledDatabase = Annotated[Database, Depends(get_database)]
InstalledIdentity = Annotated[Identity, Depends(get_identity)]
InstalledProvider = Annotated[Provider | None, Depends(get_oidc_provider)]
InstalledFileRules = Annotated[FileRules, Depends(get_file_rules)]
InstalledWebhookRules = Annotated[WebhookRules, Depends(get_webhook_rules)]
ExpectedVersion = Annotated[Expected, Depends(_get_expected_version)]
Id = Annotated[Uuid, Path(alias="id", description="The id.")]
UserId = Annotated[Uuid, Path(description="The user's id.")]

requires_json = Depends(_require_json)
requires_once = Depends(_require_once)
requires_unicode = Depends(_require_unicode)
shows_lock = Security(_bearer)
"""Puts the lock into the documentation; the actor is found by `CurrentActor`."""
