"""The schema on FastAPI: one address for operations, sockets and GraphiQL."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from strawberry.fastapi import GraphQLRouter
from strawberry.http import process_result
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError, SubscriptionExecutionResult

from api.config import Settings
from api.core.assets import content_security_policy
from api.core.errors import INTERNAL, STATUS, AppError, ErrorCode, to_app_error
from api.core.media_types import EVENT_STREAM, HTML, JSON, Accepted
from api.core.tally import Tally
from api.core.turns import Turns
from api.server.request_log import record_of
from graphql_schema.door.context import Context, get_context
from graphql_schema.door.errors import extensions
from graphql_schema.door.event_stream import EventStream
from graphql_schema.door.graphiql import ASSETS, graphiql_page
from graphql_schema.door.idempotency import begin_operation
from graphql_schema.door.json_text import encode, writable
from graphql_schema.door.requests import read_request
from graphql_schema.door.shared_results import encode_shared
from graphql_schema.door.sockets import SocketAdapter, SocketHandler
from graphql_schema.schema import NeedsStreamError, Schema, create_schema

logger = structlog.get_logger("twofold.graphql")

GRAPHQL_PATH = "/graphql"
API_PATH = "/api"
RESPONSE_JSON = "application/graphql-response+json"
"""The media type whose statuses tell what became of a request (GraphQL over HTTP, "Media Types")."""

MOST_BEGINNINGS = 4
"""How many users' operations on sockets are begun at once: they are read and judged without a pause."""

PROTOCOLS: Sequence[str] = (GRAPHQL_TRANSPORT_WS_PROTOCOL,)


class Router(GraphQLRouter[Context, None]):
    """Strawberry's router, with requests and answers of our own.

    As `application/json`, whatever became an operation answers 200, as the errors say more than a status could; what
    never became one (no JSON, too large, wrong type) answers its own status, with a body of the same shape. As
    `application/graphql-response+json`, all that never ran answers its own status and has no `data`.
    """

    schema: Schema
    graphql_transport_ws_handler_class = SocketHandler
    websocket_adapter_class = SocketAdapter

    def __init__(self, settings: Settings) -> None:
        super().__init__(
            create_schema(settings),
            path=GRAPHQL_PATH,
            include_in_schema=False,
            context_getter=get_context,
            graphql_ide="graphiql" if settings.graphiql else None,
            subscription_protocols=PROTOCOLS,
            allowed_origins=settings.cors_origins,
            connection_init_wait_timeout=timedelta(seconds=settings.socket_init_seconds),
            # The handler of sockets has a limit of its own.
            max_subscriptions_per_connection=None,
        )
        self._settings = settings
        self.most_subscriptions = settings.socket_max_subscriptions
        self.sockets = Tally(settings.socket_max_per_user)
        self.beginnings = Turns(MOST_BEGINNINGS, 1)

    async def run(self, request: Any, context: Any = None, root_value: Any = None) -> Any:
        """Serve a request or a socket."""
        # For the log, until the document is read and names its fields.
        record_of(request).operation = "graphql"
        if request.scope["type"] == "websocket":
            return await super().run(request, context, root_value)
        accepted = Accepted(",".join(request.headers.getlist("accept")))
        try:
            if request.method == "GET":
                return self._page(accepted)
            return await self._answer(request, context, accepted)
        except ClientDisconnect:
            # Nobody is there to be answered.
            raise
        except Exception as error:  # noqa: BLE001 - the outermost catch of this door
            return self._refuse(request, error, accepted.best(JSON, RESPONSE_JSON) or JSON)

    async def _answer(self, request: Request, context: Context, accepted: Accepted) -> Response:
        """Run the operation of a request and answer as the client prefers.

        Raises:
            AppError: NOT_ACCEPTABLE before anything runs; and see `read_request`.
        """
        media_type = accepted.best(JSON, RESPONSE_JSON)
        if media_type is None and not accepted.names(EVENT_STREAM):
            raise AppError(
                ErrorCode.NOT_ACCEPTABLE, f"Answers come as {JSON} or {RESPONSE_JSON}, streams as {EVENT_STREAM}."
            )
        await context.identify_early()
        body = await request.body()
        await context.turn()
        operation = read_request(request.headers.get("content-type"), body)
        begin_operation(operation.extensions)
        arguments: dict[str, Any] = {
            "query": operation.query,
            "variable_values": operation.variables,
            "operation_name": operation.operation_name,
            "context_value": context,
        }
        if media_type is not None:
            try:
                result = await self.schema.execute(**arguments)
                # What is large takes a while to write.
                await context.turn()
                return self._render(result, media_type)
            except NeedsStreamError:
                if not accepted.names(EVENT_STREAM):
                    await context.charge_reading()
                    raise
        return self._stream(request, await self.schema.stream(**arguments))

    def _render(self, result: ExecutionResult, media_type: str) -> Response:
        status = 200
        body: dict[str, Any] = dict(process_result(result))
        if media_type == RESPONSE_JSON and isinstance(result, PreExecutionError):
            del body["data"]
            status = _status_of(result)
        return Response(self.encode_json(body), status, media_type=media_type)

    def _stream(self, request: Request, results: SubscriptionExecutionResult) -> Response:
        transport = EventStream()
        events = self._stream_result(request, results, transport)
        return StreamingResponse(events(), headers=transport.headers)

    def encode_json(self, data: object) -> str | bytes:
        """Write an answer as JSON; what is shared among subscribers was written once for all of them."""
        return writable(encode_shared(data) or encode(data))

    def _page(self, accepted: Accepted) -> HTMLResponse:
        """Return our own GraphiQL page to a browser, whatever its address asks for.

        Raises:
            AppError: METHOD_NOT_ALLOWED for anybody else, NOT_FOUND if there is no page.
        """
        if not accepted.names(HTML):
            raise AppError(ErrorCode.METHOD_NOT_ALLOWED, "Send operations with POST.")
        if self.graphql_ide is None:
            raise AppError(ErrorCode.NOT_FOUND, "There is nothing at this address.")
        nonce = secrets.token_urlsafe(16)
        page = graphiql_page(
            graphql_path=GRAPHQL_PATH,
            api_path=API_PATH,
            cdn=self._settings.assets_url,
            app_name=self._settings.app_name,
            nonce=nonce,
            provider=self._provider(),
        )
        policy = content_security_policy(ASSETS, cdn=self._settings.assets_url, nonce=nonce)
        return HTMLResponse(page, headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"})

    def _provider(self) -> Mapping[str, Any] | None:
        """Return what the page has to know of the provider to sign in with."""
        settings = self._settings
        if settings.oidc_issuer is None:
            return None
        return {"name": settings.oidc_name, "redirectUris": settings.oidc_redirect_uris}

    def _refuse(self, request: Request, error: Exception, media_type: str) -> Response:
        known = _classify(error)
        record = record_of(request)
        if known is INTERNAL:
            logger.error("request failed", exc_info=error)
        record.note_error(known.code)
        errors = [{"message": known.message, "extensions": extensions(known, record.request_id)}]
        body = {"errors": errors} if media_type == RESPONSE_JSON else {"data": None, "errors": errors}
        return Response(self.encode_json(body), known.status, _headers(known), media_type)


def graphql_router(settings: Settings) -> Router:
    """Return the router of `/graphql`."""
    return Router(settings)


def _status_of(result: PreExecutionError) -> int:
    """Return the status of what never ran; all that is wrong with a document or its variables is 400."""
    code = (result.errors or [])[0].extensions["code"]  # type: ignore[index]  # every error is rendered with one
    return 400 if code is ErrorCode.VALIDATION_ERROR else STATUS[code]


def _headers(error: AppError) -> Mapping[str, str] | None:
    return {"Allow": "POST"} if error.code is ErrorCode.METHOD_NOT_ALLOWED else None


def _classify(error: Exception) -> AppError:
    if isinstance(error, HTTPException) and error.status_code == 413:  # noqa: PLR2004 - HTTP
        return AppError(ErrorCode.PAYLOAD_TOO_LARGE, "The body is too large.")
    return to_app_error(error) or INTERNAL
