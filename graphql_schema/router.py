"""The schema on FastAPI: one address for operations, sockets and GraphiQL."""

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import structlog
from cross_web import HTTPException as GraphQLHTTPException
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from strawberry.fastapi import GraphQLRouter
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL

from api.config import Settings
from api.core.assets import content_security_policy
from api.core.errors import INTERNAL, AppError, ErrorCode, to_app_error
from api.core.tally import Tally
from api.request_log import record_of
from graphql_schema.context import Context, get_context
from graphql_schema.errors import extensions
from graphql_schema.graphiql import ASSETS, graphiql_page
from graphql_schema.json_text import encode, writable
from graphql_schema.schema import create_schema
from graphql_schema.sharing import encode_shared
from graphql_schema.sockets import SocketHandler

logger = structlog.get_logger("twofold.graphql")

GRAPHQL_PATH = "/graphql"
LOGIN_PATH = "/api/auth/login"
PROTOCOLS: Sequence[str] = (GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL)


class Router(GraphQLRouter[Context, None]):
    """Strawberry's router, with our page, our errors and stricter requests.

    What was executed answers 200, as the errors say more than a status could. What never became an
    operation (no JSON, too large, wrong type) answers its own status, with a body of the same shape.
    """

    graphql_transport_ws_handler_class = SocketHandler

    def __init__(self, settings: Settings) -> None:
        super().__init__(
            create_schema(settings),
            context_getter=get_context,
            graphql_ide="graphiql" if settings.graphiql else None,
            allow_queries_via_get=False,
            multipart_uploads_enabled=False,
            subscription_protocols=PROTOCOLS,
            allowed_origins=settings.cors_origins,
            connection_init_wait_timeout=timedelta(seconds=settings.socket_init_seconds),
        )
        self._settings = settings
        self.most_subscriptions = settings.socket_max_subscriptions
        self.sockets = Tally(settings.socket_max_per_user)

    async def run(self, request: Any, context: Any = None, root_value: Any = None) -> Any:
        """Serve a request or a socket."""
        # For the log, until the document is read and names its fields.
        record_of(request).operation = "graphql"
        if request.scope["type"] == "websocket":
            return await super().run(request, context, root_value)
        try:
            _check_type(request)
            await context.identify_early()
            return await super().run(request, context, root_value)
        except ClientDisconnect:
            # Nobody is there to be answered.
            raise
        except Exception as error:  # noqa: BLE001 - the outermost catch of this door
            return _refuse(request, error)

    def parse_json(self, data: str | bytes) -> Any:
        """Return a body that is an object, or a list, which is refused as a batch."""
        body = super().parse_json(data)
        if not isinstance(body, dict | list):
            raise AppError(ErrorCode.BAD_REQUEST, "The body must be a JSON object.")
        return body

    def encode_json(self, data: object) -> str | bytes:
        """Write an answer as JSON; what is shared among subscribers was written once for all of them."""
        return writable(encode_shared(data) or encode(data))

    async def render_graphql_ide(self, request: Request) -> HTMLResponse:  # noqa: ARG002 - as the base class calls it
        """Return our own GraphiQL page."""
        nonce = secrets.token_urlsafe(16)
        page = graphiql_page(
            graphql_path=GRAPHQL_PATH,
            login_path=LOGIN_PATH,
            cdn=self._settings.assets_url,
            app_name=self._settings.app_name,
            nonce=nonce,
        )
        policy = content_security_policy(ASSETS, cdn=self._settings.assets_url, nonce=nonce)
        return HTMLResponse(page, headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"})


def graphql_router(settings: Settings) -> Router:
    """Return the router to mount at `/graphql`."""
    return Router(settings)


def _check_type(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method == "POST" and kind != "application/json":
        raise AppError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, "Send the body as application/json.")
    if request.method == "GET" and "text/html" not in request.headers.get("accept", ""):
        raise AppError(ErrorCode.METHOD_NOT_ALLOWED, "Send operations with POST.")


def _refuse(request: Request, error: Exception) -> Response:
    known = _classify(error)
    record = record_of(request)
    if known is INTERNAL:
        logger.error("request failed", exc_info=error)
    record.note_error(known.code)
    body = {"data": None, "errors": [{"message": known.message, "extensions": extensions(known, record.request_id)}]}
    headers = {"Allow": "POST"} if known.code is ErrorCode.METHOD_NOT_ALLOWED else None
    return JSONResponse(body, known.status, headers)


def _classify(error: Exception) -> AppError:
    if isinstance(error, GraphQLHTTPException):
        if error.status_code == 404:  # noqa: PLR2004 - HTTP
            return AppError(ErrorCode.NOT_FOUND, "There is nothing at this address.")
        return AppError(ErrorCode.BAD_REQUEST, error.reason)
    if isinstance(error, HTTPException) and error.status_code == 413:  # noqa: PLR2004 - HTTP
        return AppError(ErrorCode.PAYLOAD_TOO_LARGE, "The body is too large.")
    if isinstance(error, ValueError | RecursionError):
        # json.loads: bytes that are no text, a number of too many digits, brackets without end.
        return AppError(ErrorCode.BAD_REQUEST, "The body is not valid JSON.")
    return to_app_error(error) or INTERNAL
