"""Hearing of the server's end while there is still time to say goodbye."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def at_exit_signal(goodbye: Callable[[], None]) -> Iterator[None]:
    """Call `goodbye` in the event loop at SIGINT or SIGTERM, beside the handlers that are set.

    The server waits for open connections before it ends the application's lifespan, so an endless
    stream has to be told of the end earlier.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    former = {kind: signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM)}

    def handle(kind: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(goodbye)
        handler = former[signal.Signals(kind)]
        if callable(handler):
            handler(kind, frame)

    for kind, handler in former.items():
        if callable(handler):
            signal.signal(kind, handle)
    try:
        yield
    finally:
        for kind, handler in former.items():
            signal.signal(kind, handler)
