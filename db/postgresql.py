"""Connections to PostgreSQL."""

from typing import TYPE_CHECKING

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

if TYPE_CHECKING:
    from db.engine import DatabaseOptions

NETWORK_SECONDS = 5.0


def postgresql_engine(url: URL, options: "DatabaseOptions", *, size: int, seconds: float | None) -> AsyncEngine:
    """Return an engine with a pool of so many connections, whose statements may take so many seconds."""
    return create_async_engine(
        url,
        echo=options.echo,
        hide_parameters=True,
        pool_size=size,
        max_overflow=0,
        pool_timeout=options.pool_timeout,
        pool_pre_ping=True,
        connect_args={
            "timeout": options.connect_timeout,
            # Counted on our side as well: behind a network that swallows everything, nobody else would end the wait.
            "command_timeout": None if seconds is None else seconds + NETWORK_SECONDS,
            "server_settings": {
                "application_name": "twofold",
                # 0 is without end.
                "statement_timeout": f"{int((seconds or 0) * 1000)}",
                "lock_timeout": f"{int(options.pool_timeout * 1000)}",
                # Twice as long, or who waits for a lock would give up just when it is freed.
                "idle_in_transaction_session_timeout": f"{int(options.pool_timeout * 2000)}",
            },
        },
    )
