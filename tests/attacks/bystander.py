"""Somebody who wants nothing but an answer, while somebody else attacks: `/health`, and a signed-in user's list.

It is a process of its own, so that it waits for the server alone, and not for the attack to be prepared.
"""

import asyncio
import contextlib
import json
import math
import sys
import threading
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from statistics import median
from typing import Any
from urllib.parse import urlsplit

PAUSE_SECONDS = 0.05
"""Between two questions: somebody who asks all the time would be most of what the server does."""

TIMEOUT_SECONDS = 60
HEALTH, LIST = "/health", "/api/items"


@dataclass(frozen=True)
class Waits:
    """How long the bystander waited for each answer, in seconds, and what went wrong."""

    seconds: Sequence[float]
    failures: Sequence[str]

    @property
    def median(self) -> float:
        """The usual wait."""
        return median(self.seconds)

    @property
    def longest(self) -> float:
        """The longest wait."""
        return max(self.seconds)

    def percentile(self, part: float) -> float:
        """Return the wait that the given part of all did not exceed, `0.99` for the p99."""
        return sorted(self.seconds)[math.ceil(len(self.seconds) * part) - 1]


class Bystander:
    """Asks all the time; `waits` tells how that went since the last look."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def waits(self) -> dict[str, Waits]:
        """Return, by address, the waits that ended since the last look, those of this moment included."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"look\n")
        await self._process.stdin.drain()
        line = await asyncio.wait_for(self._process.stdout.readline(), TIMEOUT_SECONDS * 2)
        return {path: Waits(**found) for path, found in json.loads(line).items()}


@asynccontextmanager
async def standing_by(url: str, token: str, pause: float = PAUSE_SECONDS) -> AsyncIterator[Bystander]:
    """Let a bystander ask for the length of the block, with so many seconds between two questions."""
    command = (sys.executable, "-m", "tests.attacks.bystander", url, token, str(pause))
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, limit=64 * 1024 * 1024)
    try:
        yield Bystander(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


class _Asker(threading.Thread):
    """Asks for one address again and again."""

    def __init__(self, url: str, path: str, token: str, pause: float) -> None:
        super().__init__(daemon=True)
        self._address, self._path, self._pause = urlsplit(url).netloc, path, pause
        self._headers = {"Authorization": f"Bearer {token}"}
        self._seconds: list[float] = []
        self._failures: list[str] = []
        self._asked = threading.Condition()
        self._hurry = threading.Event()
        self.start()

    def run(self) -> None:
        """Ask until the process ends."""
        connection = HTTPConnection(self._address, timeout=TIMEOUT_SECONDS)
        while True:
            begin, failure = time.perf_counter(), None
            try:
                connection.request("GET", self._path, headers=self._headers)
                answer = connection.getresponse()
                answer.read()
                failure = None if answer.status == 200 else f"{answer.status}"
            except (OSError, HTTPException) as error:
                failure = type(error).__name__
                connection.close()
            with self._asked:
                self._seconds.append(time.perf_counter() - begin)
                self._failures += [failure] if failure else []
                self._asked.notify_all()
            self._hurry.wait(self._pause)

    @property
    def answered(self) -> int:
        """How many answers came since the last look."""
        return len(self._seconds)

    def waits(self, answered: int) -> dict[str, Any]:
        """Return what happened since the last look, after the question that followed so many answers is answered."""
        # Who is asked how it goes does not rest before the answer.
        self._hurry.set()
        with self._asked:
            self._asked.wait_for(lambda: self.answered > answered + 1)
            self._hurry.clear()
            found = {"seconds": self._seconds, "failures": self._failures}
            self._seconds, self._failures = [], []
        return found


def main() -> None:
    """Ask, and tell how it went whenever a line comes in."""
    url, token, pause = sys.argv[1:]
    askers = {path: _Asker(url, path, token, float(pause)) for path in (HEALTH, LIST)}
    for _ in sys.stdin:
        # Of both at the same moment, so that one is not waited for after the other.
        answered = {path: asker.answered for path, asker in askers.items()}
        found = {path: asker.waits(answered[path]) for path, asker in askers.items()}
        print(json.dumps(found), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
