"""What a chaos run will do, drawn from one number: `CHAOS_SEED` replays it, `CHAOS=full` makes it large."""

import asyncio
import os
import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """How much of everything; a subscriber is cut off after `cut_after` events on average."""

    writers: int
    changes: int
    subscribers: int
    cut_after: int
    kills: int
    redis_stops: int
    limit_seconds: float


SMALL = Size(writers=4, changes=150, subscribers=12, cut_after=10, kills=1, redis_stops=1, limit_seconds=120)
FULL = Size(writers=8, changes=5000, subscribers=60, cut_after=100, kills=4, redis_stops=3, limit_seconds=600)
WORKSPACES = 3


@dataclass(frozen=True)
class Outage:
    """Something is away from one number of changes to another."""

    begins: int
    ends: int
    server: int


class Plan:
    """Draws everything from the seed; only the timing of the machine is not in it."""

    def __init__(self, servers: int) -> None:
        self.size = FULL if os.environ.get("CHAOS") == "full" else SMALL
        given = os.environ.get("CHAOS_SEED")
        self.seed = int(given) if given else random.SystemRandom().randrange(2**32)
        self.kills = self._outages("kills", self.size.kills, servers)
        self.redis_stops = self._outages("redis", self.size.redis_stops, 1)

    def source(self, name: str) -> random.Random:
        """Return the source of random numbers of one participant."""
        return random.Random(f"{self.seed} {name}")  # noqa: S311 - load, not secrets

    def _outages(self, name: str, number: int, servers: int) -> list[Outage]:
        """Spread outages over the run, one after the other."""
        source = self.source(name)
        span = self.size.changes // (number + 1)
        begins = [place * span + source.randint(span // 4, span // 2) for place in range(number)]
        return [
            Outage(begin, begin + source.randint(span // 8, span // 2), source.randrange(servers)) for begin in begins
        ]

    def __str__(self) -> str:
        """Say how to replay it."""
        return f"CHAOS_SEED={self.seed}: {self.size}, servers killed at {self.kills}"


class Progress:
    """How many changes the writers know to be made."""

    def __init__(self, target: int) -> None:
        self.made = 0
        self.target = target
        self._waiting: list[tuple[int, asyncio.Event]] = []

    @property
    def finished(self) -> bool:
        """Whether the writers may go home."""
        return self.made >= self.target

    def add(self, number: int) -> None:
        """Count changes, and wake who waits for so many."""
        self.made += number
        for goal, reached in self._waiting:
            if self.made >= goal:
                reached.set()

    async def reach(self, goal: int) -> None:
        """Wait until so many changes are made, or all."""
        reached = asyncio.Event()
        self._waiting.append((min(goal, self.target), reached))
        self.add(0)
        await reached.wait()
