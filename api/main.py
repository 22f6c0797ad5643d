"""The composition root: the only module that knows everything."""

import asyncio
import contextlib
import gc
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache, partial
from importlib.metadata import version

import structlog
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from api.config import Settings, load_settings
from api.core.pace import Pace
from api.core.turns import Turns
from api.docs_page import docs_page
from api.error_handlers import LastResortMiddleware, install_error_handlers
from api.openapi import DESCRIPTION, SERVERS, TAGS, describe
from api.routers import API_ROUTERS, SERVICE_ROUTERS
from api.server.body_limit import BodyLimitMiddleware
from api.server.budget_headers import HEADERS as BUDGET_HEADERS
from api.server.budget_headers import BudgetHeadersMiddleware
from api.server.head import HeadMiddleware
from api.server.logs import configure_logging
from api.server.request_log import RequestLogMiddleware
from api.server.security_headers import SecurityHeadersMiddleware
from api.server.shutdown import at_exit_signal, end_with_parent
from api.server.tus import HEADERS as TUS_HEADERS
from api.server.tus import TusMiddleware
from api.server.working import working
from api.services.key_uses import KeyUses
from api.services.live.bus import Bus, LocalBus
from api.services.live.hub import Hub
from api.services.live.options import HubOptions
from api.services.retention import keep_trimmed
from db.engine import Database, Shares
from graphql_schema.door.router import graphql_router
from graphql_schema.door.shared_results import SharedResults

UPLOADS_AT_ONCE, UPLOADS_OF_USER = 128, 8
"""Uploads that are read at once in a process, and those of one user: each has some MiB on its way to the store."""

DOWNLOADS_OF_USER = 16
"""Files that are sent to one user at once by a process."""

logger = structlog.get_logger("twofold")


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application for the given settings, or for those of the environment."""
    settings = settings or load_settings()
    configure_logging(settings)
    database = Database(settings.database_address, settings.database_options)

    bus = _bus(settings)
    reads = Shares.of(settings.database_pool_size).reads
    options = HubOptions(
        beat=settings.live_beat_seconds,
        rings_bytes=settings.streams_memory_bytes,
        # What requests need is not the streams' to take, nor one user's what the other streams need.
        turns=max(reads // 2, 1),
        turns_per_user=max(reads // 4, 1),
        streams_per_user=settings.streams_max_per_user,
        cost_per_user=settings.streams_max_cost_per_user,
    )
    counters = settings.counters()
    key_uses = KeyUses(database)
    pace = Pace()
    hub = Hub(database, bus, options, pace)
    shared_results = SharedResults(hub.turns)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        end_with_parent()
        async with (
            hub.running(),
            key_uses.running(),
            shared_results.running(),
            _trimming(database, settings.log_retention_days),
            working(settings, database),
        ):
            _set_apart()
            gc.enable()
            with at_exit_signal(hub.say_goodbye):
                logger.info("started", version=app.version, process=os.getpid())
                yield
        await counters.close()
        await database.dispose()
        logger.info("stopped", process=os.getpid())

    app = FastAPI(
        title=settings.app_name,
        version=version("twofold"),
        description=DESCRIPTION,
        openapi_tags=TAGS,
        servers=SERVERS,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        # They are told relative to this server, by the error handlers.
        redirect_slashes=False,
    )
    app.state.settings = settings
    app.state.database = database
    app.state.identity = settings.identity(counters)
    app.state.budget = settings.general_budget(counters)
    app.state.oidc_provider = settings.oidc_provider()
    app.state.file_rules = settings.file_rules()
    app.state.upload_turns = Turns(UPLOADS_AT_ONCE, UPLOADS_OF_USER)
    app.state.download_turns = Turns(settings.connections_max, DOWNLOADS_OF_USER)
    app.state.webhook_rules = settings.webhook_rules()
    app.state.hub = hub
    app.state.shared_results = shared_results
    app.state.pace = pace
    app.state.key_uses = key_uses
    install_error_handlers(app)
    for router in (*API_ROUTERS, *SERVICE_ROUTERS, graphql_router(settings)):
        # The routes themselves: `include_router` would make each of them a second time, at the first request.
        app.routes.extend(router.routes)
    app.add_api_route("/docs", partial(docs_page, settings), include_in_schema=False, name="docs")
    # The last added is the outermost.
    app.add_middleware(
        BodyLimitMiddleware,
        most=settings.body_limit_bytes,
        most_of_strangers=settings.anonymous_body_limit_bytes,
    )
    app.add_middleware(HeadMiddleware)
    app.add_middleware(TusMiddleware)
    app.add_middleware(LastResortMiddleware)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=["*"],
        allow_headers=["*"],
        # The refresh token's cookie is for origins that are named.
        allow_credentials=bool(settings.cors_origins) and "*" not in settings.cors_origins,
        expose_headers=[
            "ETag",
            "Location",
            "X-Request-ID",
            "Retry-After",
            "Accept-Ranges",
            "Content-Range",
            "Content-Disposition",
            *TUS_HEADERS,
            *BUDGET_HEADERS,
        ],
    )
    app.add_middleware(BudgetHeadersMiddleware)
    app.add_middleware(SecurityHeadersMiddleware, insist_on_tls_seconds=settings.hsts_seconds)
    app.add_middleware(RequestLogMiddleware)
    describe(app)
    return app


@cache
def _set_apart() -> None:
    """Look no longer through what is there for good for garbage, which held everybody for 0.1 s.

    Once in a process: an application that starts after another one has ended would keep that one for ever.
    """
    gc.collect()
    gc.freeze()


def _bus(settings: Settings) -> Bus:
    if not settings.redis_url:
        return LocalBus()
    from api.services.live.redis_bus import RedisBus  # noqa: PLC0415 - slow to import, and rarely needed

    return RedisBus(settings.redis_url, settings.installation)


@asynccontextmanager
async def _trimming(database: Database, days: int | None) -> AsyncIterator[None]:
    """Keep the logs trimmed for the length of the block, if they are to be trimmed at all."""
    task = asyncio.create_task(keep_trimmed(database, days=days)) if days else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
