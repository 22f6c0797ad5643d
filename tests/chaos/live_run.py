"""One chaos run: writers, subscribers and pulled plugs; at the end everybody must have been told the whole log."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import httpx

from api.core.actor import SYSTEM, UserActor
from db.engine import Database
from db.models import UserRole
from db.repositories import changes
from tests.chaos.live_plan import FULL, WORKSPACES, Outage, Plan, Progress
from tests.chaos.live_servers import Cluster, RedisServer
from tests.chaos.live_subscribers import Subscriber
from tests.chaos.live_transports import TRANSPORTS, Entry, Place
from tests.chaos.live_writers import Outcome, Writer
from tests.chaos.waiting import until
from tests.live import ADMIN_EMAIL, ADMIN_PASSWORD

PATIENCE = httpx.Timeout(60)
NO_LIMIT = httpx.Limits(max_connections=None, max_keepalive_connections=None)

Log = Sequence[Entry]


@dataclass
class Stage:
    """Where the run plays."""

    plan: Plan
    cluster: Cluster
    redis: RedisServer | None
    database: Database
    client: httpx.AsyncClient
    token: str
    actor: UserActor
    workspaces: Sequence[str]


async def run(plan: Plan, cluster: Cluster, redis: RedisServer | None = None) -> None:
    """Run the plan and compare what every subscriber was told with the log.

    Raises:
        AssertionError: somebody missed something, or was told it twice or out of order.
    """
    print(plan)  # noqa: T201 - whoever sees a failure can replay it
    started = time.monotonic()
    progress = Progress(plan.size.changes)
    database = Database(cluster.database_url)
    try:
        async with (
            asyncio.timeout(plan.size.limit_seconds),
            httpx.AsyncClient(timeout=PATIENCE, limits=NO_LIMIT) as client,
        ):
            stage = await _set(plan, cluster, redis, database, client)
            subscribers, outcomes = await _play(stage, progress)
            logs = {workspace: await _read_log(database, workspace) for workspace in stage.workspaces}
    except TimeoutError:
        raise AssertionError(f"only {progress.made} changes in {plan.size.limit_seconds} seconds") from None
    finally:
        await database.dispose()
    _report(plan, subscribers, outcomes, logs, time.monotonic() - started)
    _check_log(plan, outcomes, logs)
    complaints = [subscriber.complaint(logs[subscriber.place.workspace]) for subscriber in subscribers]
    assert [complaint for complaint in complaints if complaint] == []
    # Clients and Redis that go away are no errors of a server.
    assert cluster.errors == []


async def _set(
    plan: Plan, cluster: Cluster, redis: RedisServer | None, database: Database, client: httpx.AsyncClient
) -> Stage:
    """Sign in and make the workspaces."""
    url = cluster.urls[0]
    credentials = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
    token = (await client.post(f"{url}/api/auth/login", json=credentials)).json()["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"
    me = (await client.get(f"{url}/api/users/me")).json()
    actor = UserActor(UUID(me["id"]), UserRole.ADMIN, UUID(me["personal_workspace_id"]))
    made = [await client.post(f"{url}/api/workspaces", json={"name": f"Room {n}"}) for n in range(WORKSPACES)]
    workspaces = [response.json()["id"] for response in made]
    return Stage(plan, cluster, redis, database, client, token, actor, workspaces)


async def _play(stage: Stage, progress: Progress) -> tuple[list[Subscriber], list[Outcome]]:
    """Let all of them loose, and stop when nothing is left to be told."""
    plan, urls = stage.plan, stage.cluster.urls
    subscribers = [_subscriber(stage, number) for number in range(plan.size.subscribers)]
    writers = [
        Writer(stage.client, urls, stage.database, stage.actor, stage.workspaces, plan.source(f"writer {number}"))
        for number in range(plan.size.writers)
    ]
    async with asyncio.TaskGroup() as tasks:
        listening = [tasks.create_task(one.run(progress, plan.size.cut_after)) for one in subscribers]
        async with asyncio.TaskGroup() as work:
            for writer in writers:
                work.create_task(writer.run(progress))
            work.create_task(_pull_plugs(stage, progress))
            work.create_task(_stop_redis(stage, progress))
        await _wait_for_all(stage, subscribers)
        for task in listening:
            task.cancel()
    return subscribers, [writer.outcome for writer in writers]


def _subscriber(stage: Stage, number: int) -> Subscriber:
    # Every transport watches every workspace.
    transport = list(TRANSPORTS)[number % len(TRANSPORTS)]
    workspace = stage.workspaces[number // len(TRANSPORTS) % WORKSPACES]
    place = Place(stage.client, stage.token, workspace)
    return Subscriber(f"{number}", transport, place, stage.cluster.urls, stage.plan.source(f"subscriber {number}"))


async def _pull_plugs(stage: Stage, progress: Progress) -> None:
    for outage in stage.plan.kills:
        await progress.reach(outage.begins)
        await stage.cluster.kill(outage.server)
        if len(stage.cluster.urls) > 1:
            # The others go on meanwhile.
            await progress.reach(outage.ends)
        await stage.cluster.start(outage.server)


async def _stop_redis(stage: Stage, progress: Progress) -> None:
    outages: Sequence[Outage] = stage.plan.redis_stops if stage.redis else []
    for outage in outages:
        assert stage.redis is not None
        await until(lambda: _all_wake_up(stage, "redis"))
        await progress.reach(outage.begins)
        await stage.redis.stop()
        await until(lambda: _all_wake_up(stage, "beat"))
        await progress.reach(outage.ends)
        await stage.redis.start()
    if stage.redis:
        await until(lambda: _all_wake_up(stage, "redis"))


async def _all_wake_up(stage: Stage, how: str) -> bool:
    """Ask all servers that are there how they hear of changes."""
    for url in stage.cluster.urls:
        try:
            ready = await stage.client.get(f"{url}/ready")
        except httpx.TransportError:
            continue
        if ready.json()["wake_ups"] != how:
            # Asking all the time would slow the servers down.
            await asyncio.sleep(0.2)
            return False
    return True


async def _wait_for_all(stage: Stage, subscribers: Sequence[Subscriber]) -> None:
    ends = {workspace: len(await _read_log(stage.database, workspace)) for workspace in stage.workspaces}

    async def told() -> bool:
        return all(subscriber.last >= ends[subscriber.place.workspace] for subscriber in subscribers)

    try:
        await until(told)
    except AssertionError:
        missing = [one.name for one in subscribers if one.last < ends[one.place.workspace]]
        raise AssertionError(f"never got everything: {missing}") from None


async def _read_log(database: Database, workspace: str) -> Log:
    async with database.read() as uow:
        found = await changes.after(uow.session, SYSTEM.scope(), UUID(workspace), 0, 100_000)
    return [Entry(row.seq, row.kind.value, row.entity.value, str(row.entity_id), row.version) for row in found]


def _check_log(plan: Plan, outcomes: Sequence[Outcome], logs: dict[str, Log]) -> None:
    """The log is 1..n, holds what was acknowledged once, and nothing of what was refused or given up."""
    for log in logs.values():
        assert [entry.seq for entry in log] == list(range(1, len(log) + 1))
    entries = Counter((entry.kind, entry.entity_id, entry.version) for log in logs.values() for entry in log)
    acknowledged = [key for outcome in outcomes for key in outcome.acknowledged]
    assert len(acknowledged) >= plan.size.changes
    assert [key for key in acknowledged if entries[key] != 1] == []
    assert {entity_id for _, entity_id, _ in entries}.isdisjoint(
        {entity_id for outcome in outcomes for entity_id in outcome.never}
    )
    if plan.size is FULL:
        # Among few changes chance may leave one of them out.
        assert all(outcome.refused for outcome in outcomes)
        assert any(outcome.rolled_back for outcome in outcomes)


def _report(
    plan: Plan, subscribers: Sequence[Subscriber], outcomes: Sequence[Outcome], logs: dict[str, Log], seconds: float
) -> None:
    refused, rolled_back, unanswered = (
        sum(getattr(outcome, name) for outcome in outcomes) for name in ("refused", "rolled_back", "unanswered")
    )
    reconnections = sum(subscriber.connections - 1 for subscriber in subscribers)
    deliveries = sum(len(subscriber.entries) for subscriber in subscribers)
    print(  # noqa: T201 - the figures
        f"{sum(map(len, logs.values()))} changes, {refused} refused, {rolled_back} transactions rolled back, "
        f"{unanswered} unanswered; {deliveries} deliveries to {len(subscribers)} subscribers, "
        f"{reconnections} reconnections, {len(plan.kills)} kills, {seconds:.0f} s"
    )
