"""Whether the client that waits for an answer has hung up, for whoever works for it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_gone: ContextVar[asyncio.Event | None] = ContextVar("hang_up", default=None)


@contextmanager
def hang_up(event: asyncio.Event) -> Iterator[None]:
    """Let tasks that are started in the block know the event of their client's hanging up."""
    token = _gone.set(event)
    try:
        yield
    finally:
        _gone.reset(token)


def current_hang_up() -> asyncio.Event | None:
    """Return the event of the client's hanging up; None where there is no connection that could be lost."""
    return _gone.get()
