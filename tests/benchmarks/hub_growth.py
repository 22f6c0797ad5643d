"""What the hub's beats cost as streams grow in number: `python -m tests.benchmarks.hub_growth [STREAMS …]`.

The streams are made in this process: each user watches up to a hundred workspaces that others watch, too.
The look at rights comes twice a second, that for lost wake-ups every five; a piece is what the event loop
does at most before others have their turn.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from uuid import UUID

from sqlalchemy import text

from api.core.actor import UserActor
from api.services.live.bus import LocalBus
from api.services.live.hub import Hub
from api.services.live.options import HubOptions
from api.services.live.streams import Stream
from db.clock import utc_now
from db.engine import Database
from db.logs import workspace_log
from db.models import Member, Role, User, UserRole, UserSession, Workspace
from db.models.base import new_id
from tests.benchmarks.each_database import on_each_database

STREAMS = (100, 1_000, 10_000, 50_000)
WORKSPACES_PER_USER = 100
ROUNDS = 5
BATCH = 2_000


def memberships(number: int) -> tuple[Sequence[UUID], Sequence[UUID], Sequence[tuple[UUID, UUID]]]:
    """Return users, workspaces, and so many pairs of both."""
    users = [new_id() for _ in range(max(number // WORKSPACES_PER_USER, 1))]
    workspaces = [new_id() for _ in range(max(number // 10, WORKSPACES_PER_USER))]
    pairs = (
        (workspaces[(n * WORKSPACES_PER_USER + offset) % len(workspaces)], user)
        for n, user in enumerate(users)
        for offset in range(WORKSPACES_PER_USER)
    )
    return users, workspaces, list(islice(pairs, number))


async def fill(database: Database, number: int) -> Sequence[tuple[UUID, UUID]]:
    """Write the rows, and return the pairs of a workspace and a member."""
    users, workspaces, pairs = memberships(number)
    people = [
        {"id": user, "name": "Member", "email": f"{user}@example.com", "password_hash": "", "role": UserRole.MEMBER}
        for user in users
    ]
    places = [{"id": workspace, "name": "Room"} for workspace in workspaces]
    now = utc_now()
    times = {"created_at": now, "last_used_at": now, "expires_at": now + timedelta(days=1)}
    sessions = [{"id": user, "user_id": user, "refresh_hash": bytes(32), **times} for user in users]
    members = [{"workspace_id": workspace, "user_id": user, "role": Role.VIEWER} for workspace, user in pairs]
    for table, rows in ((User, people), (UserSession, sessions), (Workspace, places), (Member, members)):
        for start in range(0, len(rows), BATCH):
            async with database.write() as uow:
                await uow.session.insert_many(table, rows[start : start + BATCH])
    if not database.is_sqlite:
        async with database.engines[0].connect() as connection:
            await connection.execute(text("ANALYZE"))
            await connection.commit()
    return pairs


async def costs(work: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    """Return the processor time of one look, and how much of it the event loop had to bear at a time, in seconds."""
    await work()
    longest, last = 0.0, time.thread_time()

    async def witness() -> None:
        nonlocal longest, last
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            longest, last = max(longest, now - last), now

    begin = time.process_time()
    for _ in range(ROUNDS):
        await work()
    spent = (time.process_time() - begin) / ROUNDS
    last = time.thread_time()
    watching = asyncio.create_task(witness())
    await work()
    watching.cancel()
    return spent, longest


async def measure(number: int, name: str, database: Database) -> None:
    """Open so many streams and print what the looks cost."""
    pairs = await fill(database, number)
    hub = Hub(database, LocalBus(), HubOptions())
    with ExitStack() as stack:
        for workspace, user in pairs:
            stream = Stream(hub, UserActor(user, UserRole.MEMBER, workspace, user), workspace_log(workspace), 1)
            stream.attach(stack.enter_context(hub.watching(stream)))
        for what, work in (("rights", hub.look_at_rights), ("lost wake-ups", hub.look_for_changes)):
            spent, longest = await costs(work)
            print(  # noqa: T201
                f"{name:10} {number:6} streams  {what:13} {spent * 1000:8.1f} ms of CPU, "
                f"{spent * 1e6 / number:5.1f} µs per stream; {longest * 1000:.1f} ms at a time",
                flush=True,
            )
        assert all(stream._error is None for stream in hub.streams())


async def run(numbers: Sequence[int], name: str, address: str, _folder: Path) -> None:
    """Measure one database."""
    for number in numbers:
        database = Database(address)
        try:
            await measure(number, name, database)
        finally:
            await database.dispose()


def main() -> None:
    """Measure the numbers given, or from 100 to 50,000 streams, on both databases."""
    on_each_database(partial(run, [int(number) for number in sys.argv[1:]] or STREAMS))


if __name__ == "__main__":
    main()
