"""How long others wait while one client asks for the most it may.

Run it as `python -m tests.benchmarks.defence [SECONDS [KIND]]`.

For every kind of request the largest that is still accepted is found, and sent by one client over two
connections as fast as it is answered. Printed are its time and size, the server's peak of memory, and
how long `/health` and a signed-in bystander's list waited beside it: p99 and longest, in milliseconds.
A kind is a part of its name; all are tried without. What lasts, such as streams, is tried at its limits alike.
"""

import asyncio
import statistics
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from tests.attacks.bystander import HEALTH, LIST, Waits
from tests.attacks.dearest import kinds, refused
from tests.attacks.live import Attack, Taken, attacks
from tests.attacks.requests import Request
from tests.attacks.target import Target, settled, under_attack
from tests.benchmarks.each_database import on_each_database
from tests.streams.crowds import memory, reset_peak

ITEMS = 20_000
PAUSE_SECONDS = 0.01
CONNECTIONS = 2

DEFAULTS: dict[str, Any] = {"RATE_LIMITS": "true", "PASSWORD_MEMORY_KIB": "65536"}
"""What servers of tests leave out to be quick: here a log-in costs what it costs, and is tried as often as it may."""


async def measure(seconds: float, word: str, name: str, address: str, folder: Path) -> None:
    """Print the table of one database."""
    async with under_attack(address, folder, items=ITEMS, pause=PAUSE_SECONDS, **DEFAULTS) as target:
        await asyncio.sleep(seconds)
        _print(name, "nothing", "", "", await target.bystander.waits())
        async with httpx.AsyncClient(base_url=target.url, timeout=120) as client:
            for kind in (kind for kind in kinds(target) if word in kind.name):
                size, request = await kind.dearest(client, target.attacker.token)
                await _row(target, name, f"{kind.name} ({size})", _sending(request), seconds)
            for kind in (kind for kind in refused() if word in kind.name):
                what = f"refused: {kind.name} ({kind.most})"
                await _row(target, name, what, _sending(kind.build(kind.most)), seconds)
        for what, attack in attacks(address):
            if word in what:
                await _row(target, name, what, attack, seconds)


def _sending(request: Request) -> Attack:
    """Return the attack that sends a request as fast as it is answered."""

    async def attack(target: Target, seconds: float) -> Taken:
        taken, until = Taken(), time.monotonic() + seconds

        async def send() -> None:
            async with httpx.AsyncClient(base_url=target.url, timeout=120) as client:
                while time.monotonic() < until:
                    begin = time.perf_counter()
                    taken.sizes.append(len((await request.send(client, target.attacker.token)).content))
                    taken.times.append(time.perf_counter() - begin)

        await asyncio.gather(*(send() for _ in range(CONNECTIONS)))
        return taken

    return attack


async def _row(target: Target, database: str, what: str, attack: Attack, seconds: float) -> None:
    """Attack for some seconds, and print what that did."""
    await settled(target)
    await target.bystander.waits()
    reset_peak(target.server.process.pid)
    before = memory(target.server.process.pid)
    taken = await attack(target, seconds)
    waits = await target.bystander.waits()
    more = memory(target.server.process.pid, "VmHWM") - before
    took = f"{statistics.median(taken.times) * 1000:.0f} ms"
    _print(database, what, took, f"{max(taken.sizes, default=0) / 1024:.0f} KiB, {more:+.0f} MiB", waits)


def _print(database: str, what: str, took: str, taken: str, waits: dict[str, Waits]) -> None:
    health, items = (
        f"{found.percentile(0.99) * 1000:5.0f} {found.longest * 1000:5.0f}" for found in (waits[HEALTH], waits[LIST])
    )
    failures = "".join(f" {path} FAILED {found.failures[0]}" for path, found in waits.items() if found.failures)
    print(  # noqa: T201
        f"{database:10} {what:50} {took:>9} {taken:>22}  health {health}  list {items}{failures}", flush=True
    )


def main() -> None:
    """Measure both databases."""
    seconds, word = (*sys.argv[1:], *("5", "")[len(sys.argv) - 1 :])
    on_each_database(partial(measure, float(seconds), word))


if __name__ == "__main__":
    main()
