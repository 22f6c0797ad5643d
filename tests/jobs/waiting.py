"""Waiting for what a job brings about."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

LIMIT_SECONDS = 60.0
"""What a worker that died leaves lying has been taken up by then."""


async def until(found: Callable[[], Awaitable[T | None]]) -> T:
    """Return what is found, as soon as there is something."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while True:
            something = await found()
            if something:
                return something
            await asyncio.sleep(0.05)
