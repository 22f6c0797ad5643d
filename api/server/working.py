"""From settings to a process that does jobs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from api.config import Settings
from api.services.mail.post import OutboxPostman, Postman, SmtpPostman
from api.services.work.courier import Courier
from api.services.work.tools import Tools
from api.services.work.waking import Waker
from db.engine import Database


def tools_of(settings: Settings, database: Database) -> Tools:
    """Return what the handlers of jobs work with."""
    domain = settings.mail_from.rpartition("@")[2]
    postman: Postman = OutboxPostman(database, domain)
    if settings.smtp_url is not None:
        postman = SmtpPostman(settings.smtp_url.get_secret_value(), settings.mail_from, domain)
    courier = Courier(settings.webhook_rules(), seconds=settings.webhook_seconds)
    return Tools(
        database,
        postman,
        settings.mail_tokens(),
        settings.app_name,
        settings.links_begin_with,
        courier,
        settings.file_store(),
        trash_days=settings.trash_days,
        security_log_days=settings.security_log_days,
    )


@asynccontextmanager
async def working(settings: Settings, database: Database) -> AsyncIterator[None]:
    """Do jobs for the length of the block, or make ready to promise them where others do them."""
    await asyncio.to_thread(database.jobs)
    if settings.jobs == "workers":
        async with Waker(database).running():
            yield
        return
    from api.services.work.worker import Worker  # noqa: PLC0415 - slow to import, and not needed by who only promises

    async with Waker(database).running(), Worker(tools_of(settings, database)).running():
        yield
