"""Logging: coloured lines on a terminal, JSON elsewhere, and nothing secret in either."""

import logging
import sys
import traceback
from collections.abc import Iterator

import structlog
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError
from structlog.typing import EventDict, WrappedLogger

from api.config import Settings

# Their messages quote the values they stumbled over: a password, a token, a body.
_TALKATIVE = (DBAPIError, ValidationError)


def configure_logging(settings: Settings) -> None:
    """Send the logs of Twofold and of its libraries to standard error, in one format."""
    console = settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _format_exception,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        if console
        else structlog.processors.JSONRenderer()
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    # Every request has a line of ours already.
    logging.getLogger("uvicorn.access").disabled = True
    # Not by SQLAlchemy's own `echo`, which adds a handler: each statement would be told twice.
    logging.getLogger("sqlalchemy.engine").setLevel(logging.INFO if settings.debug else logging.WARNING)
    for noisy in ("uvicorn.error", "strawberry.execution", "strawberry.ws", "alembic", "aiosqlite", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def describe(error: BaseException) -> str:
    """Return an exception with its causes and their lines of code, without any value they quote."""
    return "".join(_describe_chain(error))


def _describe_chain(error: BaseException) -> Iterator[str]:
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield from _describe_chain(cause)
        yield "\nwhich led to\n\n"
    yield from traceback.format_tb(error.__traceback__)
    quiet = isinstance(error, _TALKATIVE) or type(error).__module__.startswith(("asyncpg", "sqlite3"))
    yield type(error).__qualname__ + ("" if quiet else f": {error}") + "\n"


def _format_exception(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["exception"] = describe(error)
    return event
