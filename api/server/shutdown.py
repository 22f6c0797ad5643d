"""The end of the server: saying goodbye in time, and not outliving it."""

import asyncio
import multiprocessing
import multiprocessing.connection
import os
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


def end_with_parent() -> None:
    """Let this worker end when the process that started it is gone, however suddenly.

    Left alone it would keep the port, and serve on behind the back of whoever starts the server again.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent watch", daemon=True).start()
