"""Every exception that reaches the REST door becomes a problem document here."""

from collections.abc import Mapping

import structlog
from anyio import BrokenResourceError
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from api.core.errors import INTERNAL, AppError, ErrorCode, from_pydantic, to_app_error
from api.problems import problem_response
from api.server.request_log import record_of
from db.errors import DatabaseError

_BY_STATUS: Mapping[int, tuple[ErrorCode, str]] = {
    404: (ErrorCode.NOT_FOUND, "There is nothing at this address."),
    405: (ErrorCode.METHOD_NOT_ALLOWED, "This address does not take that method."),
    413: (ErrorCode.PAYLOAD_TOO_LARGE, "The body is too large."),
    415: (ErrorCode.UNSUPPORTED_MEDIA_TYPE, "Send the body as application/json."),
}

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

logger = structlog.get_logger("twofold.request")


def install_error_handlers(app: FastAPI) -> None:
    """Register the handlers."""
    app.add_exception_handler(AppError, _answer)
    app.add_exception_handler(DatabaseError, _answer)
    app.add_exception_handler(RequestValidationError, _answer_validation)
    app.add_exception_handler(HTTPException, _answer_http)


class LastResortMiddleware:
    """Turns what nobody caught into `INTERNAL_ERROR`, inside of what adds headers for browsers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            if _is_hang_up(error):
                return
            logger.exception("request failed", exc_info=error)
            record = record_of(HTTPConnection(scope))
            record.note_error(INTERNAL.code)
            if scope["type"] == "http" and record.status is None:
                await problem_response(INTERNAL, record.request_id)(scope, receive, send)


def _is_hang_up(error: Exception) -> bool:
    """Return whether a body merely ended early, or FastAPI's event stream found nobody to hand its next event to."""
    if isinstance(error, ClientDisconnect):
        return True
    return isinstance(error, ExceptionGroup) and error.split(BrokenResourceError)[1] is None


def from_http(error: HTTPException) -> AppError:
    """Return the catalogue's word for an error of the framework."""
    code, message = _BY_STATUS.get(error.status_code, (ErrorCode.BAD_REQUEST, "The request could not be read."))
    return AppError(code, message)


def _respond(request: Request, error: AppError, headers: Mapping[str, str] | None = None) -> Response:
    record = record_of(request)
    record.note_error(error.code)
    return problem_response(error, record.request_id, dict(headers or {}))


async def _answer(request: Request, error: Exception) -> Response:
    known = to_app_error(error)
    if known is None:
        raise error
    return _respond(request, known)


async def _answer_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type alone
    findings = error.errors()
    if any(finding["type"] == "json_invalid" for finding in findings):
        return _respond(request, AppError(ErrorCode.BAD_REQUEST, "The body is not valid JSON."))
    return _respond(request, from_pydantic(findings, skip=1))


async def _answer_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type alone
    if isinstance(error.__cause__, ClientDisconnect):
        # FastAPI takes a body that ended early for a bad one; nobody is there to be answered.
        raise error.__cause__
    path = request.scope["path"]
    if error.status_code == 404 and path.endswith("/") and _is_known(request, path.rstrip("/")):  # noqa: PLR2004 - HTTP
        return RedirectResponse(_address(request, path.rstrip("/")))
    if error.status_code != 405:  # noqa: PLR2004 - HTTP
        return _respond(request, from_http(error), error.headers)
    # The route that was found is that of another method.
    record_of(request).operation = "unknown"
    return _respond(request, from_http(error), {"Allow": _allowed_methods(request)})


def _is_known(request: Request, path: str) -> bool:
    scope = {**request.scope, "path": path}
    return any(route.matches(scope)[0] is not Match.NONE for route in request.app.routes)


def _address(request: Request, path: str) -> str:
    """Return a path of ours with the request's query string: never another server's, whatever the request says."""
    query = request.scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def _allowed_methods(request: Request) -> str:
    """Return the methods of an address; Starlette names those of its first route only."""
    routes = request.app.routes

    def allowed(method: str) -> bool:
        return any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)

    names = [method for method in _METHODS if allowed(method)]
    # HEAD is wherever GET is.
    return ", ".join(name if name != "GET" else "GET, HEAD" for name in names)
