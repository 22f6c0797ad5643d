"""One line in the log per request, and an id that ties everything about it together."""

import re
import time
from dataclasses import dataclass, field
from uuid import uuid4

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.core.budget import Balance

logger = structlog.get_logger("twofold.request")

_KEY = "twofold.record"
_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass
class RequestRecord:
    """What the line will say; the doors fill in who called and what for."""

    request_id: str
    actor: str = "anonymous"
    operation: str | None = None
    status: int | None = None
    error_codes: list[str] = field(default_factory=list)
    balance: Balance | None = None
    """What remains of the caller's budget, once something was spent of it."""

    def note_error(self, code: str) -> None:
        """Remember an error for the line, each kind once: a socket may live for weeks."""
        if code not in self.error_codes:
            self.error_codes.append(code)


def record_of(connection: HTTPConnection) -> RequestRecord:
    """Return the record of the request at hand."""
    record: RequestRecord = connection.scope[_KEY]
    return record


class RequestLogMiddleware:
    """Gives each request its id, and logs it when it ends."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        record = RequestRecord(_request_id(scope))
        scope[_KEY] = record
        began = time.perf_counter()

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = record.request_id
            elif message["type"] == "websocket.close":
                record.status = message.get("code", 1000)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=record.request_id):
            try:
                await self.app(scope, receive, send_marked)
            finally:
                _write_line(scope, record, time.perf_counter() - began)


def _request_id(scope: Scope) -> str:
    """Return the caller's own id if it is harmless, else a new one."""
    given = HTTPConnection(scope).headers.get("x-request-id", "")
    return given if _ACCEPTABLE_ID.fullmatch(given) else uuid4().hex


def _write_line(scope: Scope, record: RequestRecord, seconds: float) -> None:
    route = scope.get("route")
    logger.info(
        "request",
        method=scope.get("method", "WEBSOCKET"),
        # Never the query string: it may hold what must not be logged.
        path=scope["path"],
        client=scope["client"][0] if scope.get("client") else None,
        operation=record.operation or getattr(route, "operation_id", None) or getattr(route, "name", None),
        actor=record.actor,
        status=record.status,
        **({"errors": record.error_codes} if record.error_codes else {}),
        duration_ms=round(seconds * 1000, 1),
    )
