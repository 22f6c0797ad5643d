"""What the application writes to its log, line by line."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class CapturedLog:
    """The lines that were written since the block began."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        """Everything."""
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Every line, each a JSON object, without those of the test's own HTTP client."""
        parsed = [json.loads(line) for line in self.text.splitlines()]
        return [line for line in parsed if line["logger"] != "httpx"]

    def events(self, event: str) -> list[dict[str, Any]]:
        """Return the lines of one event."""
        return [line for line in self.lines if line["event"] == event]


@contextmanager
def captured_log() -> Iterator[CapturedLog]:
    """Listen to the handler that `create_app` installed."""
    [handler] = [one for one in logging.getLogger().handlers if type(one) is logging.StreamHandler]
    log = CapturedLog()
    before = handler.setStream(log.stream)
    try:
        yield log
    finally:
        handler.setStream(before)
