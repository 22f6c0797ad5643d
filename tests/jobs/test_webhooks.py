"""Webhooks are told everything, in order, at least once, whatever the receiver does."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI

from api.core.actor import SYSTEM
from api.services.retention import trim_logs
from api.services.webhooks import redeliver
from db.clock import utc_now
from db.models import DeliveryStatus, WebhookPause
from db.repositories import webhooks
from tests.conftest import AppFactory
from tests.doors.people import World
from tests.jobs.hooks import deliveries, edit, failing_since, hook, items, webhook_that
from tests.jobs.receiver import OK, Delivery, answer, receiver
from tests.jobs.waiting import until


@pytest.fixture(autouse=True)
def try_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait less long after a failure than a server does."""
    monkeypatch.setattr("api.services.work.delivering.BACKOFF", (0.2,))
    monkeypatch.setattr("api.services.work.waking.BEAT_SECONDS", 0.2)


@pytest.fixture
def seconds() -> float:
    """How long a receiver may take."""
    return 1.0


@pytest.fixture
async def app(make_app: AppFactory, seconds: float) -> FastAPI:
    """An application that does its jobs, and may tell receivers on loopback."""
    app: FastAPI = await make_app(
        jobs="here", webhook_private_addresses=True, webhook_plain_http=True, webhook_seconds=seconds
    )
    return app


async def test_what_is_sent_is_signed_and_whole(app: FastAPI, world: World) -> None:
    async with receiver() as one:
        made = await hook(app, world, one.url)
        (seq,) = await items(app, world, 1)
        await one.told(seq)
        (came,) = one.came
        told = await webhook_that(app, made.id, lambda webhook: webhook.seq == seq)
    content = came.verify(made.secret)
    assert set(content) == {"type", "timestamp", "data"}
    assert (content["type"], content["timestamp"]) == ("item.created", content["data"]["at"])
    data = content["data"]
    assert (data["seq"], data["workspace_id"], data["state"]["title"]) == (seq, str(world.workspace), "Item 0")
    assert data["actor_id"] == str(world.editor.id)
    assert (came.path, came.headers["content-type"], came.headers["host"]) == (
        "/hook",
        "application/json",
        f"127.0.0.1:{one.port}",
    )
    (delivery,) = await deliveries(app, made.id)
    assert str(delivery.id) == came.id
    assert (delivery.seq, delivery.kind, delivery.attempts, delivery.status_code) == (seq, "item_created", 1, 204)
    assert (delivery.status, delivery.error) == (DeliveryStatus.DELIVERED, None)
    assert (told.failures, told.failing_since, told.job_id) == (0, None, None)


async def test_it_is_told_of_its_kinds_alone(app: FastAPI, world: World) -> None:
    async with receiver() as one, receiver() as other:
        made = await hook(app, world, one.url, kinds=["message_created"])
        await hook(app, world, other.url, kinds=["item_created"])
        seqs = await items(app, world, 3)
        assert await other.told(seqs[-1]) == seqs
        await webhook_that(app, made.id, lambda webhook: webhook.seq == seqs[-1])
        assert one.came == []


async def test_who_was_down_gets_everything_in_order_under_the_same_ids(app: FastAPI, world: World) -> None:
    async with receiver() as one:
        port = one.port
        made = await hook(app, world, one.url)
    seqs = await items(app, world, 30)
    failed = await webhook_that(app, made.id, lambda webhook: webhook.failures >= 2)
    assert failed.seq == made.seq
    assert failed.failing_since is not None
    async with receiver(port) as one:
        assert await one.told(seqs[-1]) == seqs
        webhook = await webhook_that(app, made.id, lambda webhook: webhook.seq == seqs[-1])
    assert (webhook.failures, webhook.failing_since, webhook.next_attempt_at) == (0, None, None)
    known = await deliveries(app, made.id)
    assert [str(one.id) for one in known] == [one.id for one in one.taken]
    assert known[0].attempts > 1
    assert {one.attempts for one in known[1:]} == {1}


@pytest.mark.parametrize("trouble", ["refuses", "hangs up", "hangs", "redirects", "drips"])
async def test_what_fails_is_sent_again_before_what_follows(app: FastAPI, world: World, trouble: str) -> None:
    async with receiver() as one, receiver() as private:

        async def behave(delivery: Delivery) -> bytes | None:
            if len(one.came) % 3:
                return OK
            if trouble == "hangs":
                await asyncio.sleep(60)
            answers = {
                "refuses": answer(503),
                "redirects": answer(307, f"Location: {private.url}"),
                # It promises more than it sends.
                "drips": b"HTTP/1.1 200 -\r\nContent-Length: 100\r\n\r\nx",
            }
            return answers.get(trouble)

        one.behave = behave
        made = await hook(app, world, one.url)
        seqs = await items(app, world, 5)
        await one.told(seqs[-1])
        await webhook_that(app, made.id, lambda webhook: webhook.seq == seqs[-1])
        assert list(dict.fromkeys(one.seqs)) == seqs
        assert [delivery.seq for delivery in one.came] == sorted(delivery.seq for delivery in one.came)
        assert len({delivery.id for delivery in one.came}) == len(seqs)
        assert private.connections == 0
    errors = {
        "refuses": "It answered with the status 503.",
        "hangs": "It did not answer within 1 seconds.",
        "redirects": "It answered with the status 307. Redirects are not followed.",
        "drips": "It did not answer within 1 seconds.",
    }
    assert trouble not in errors or len(one.came) > len(seqs)


@pytest.mark.parametrize("seconds", [300.0])
async def test_nobody_waits_for_a_receiver_that_hangs(app: FastAPI, world: World, seconds: float) -> None:
    over = asyncio.Event()

    async def hang(_delivery: Delivery) -> bytes | None:
        await over.wait()
        return OK

    async with receiver() as slow, receiver() as quick:
        slow.behave = hang
        hung = [await hook(app, world, f"{slow.url}/{number}") for number in range(12)]
        await hook(app, world, quick.url)
        seqs = await items(app, world, 3)
        await until(lambda: _all_came(slow, len(hung)))
        # All of them hang at this moment, more than other jobs have places.
        more = await items(app, world, 3)
        assert await quick.told(more[-1]) == [*seqs, *more]
        assert slow.taken == []
        over.set()


async def _all_came(slow: Any, number: int) -> bool:
    return len({delivery.path for delivery in slow.came}) >= number


async def test_who_fails_for_three_days_is_paused_and_the_security_log_tells(app: FastAPI, world: World) -> None:
    async with receiver() as one:

        async def refuse(_delivery: Delivery) -> bytes:
            return answer(500)

        one.behave = refuse
        made = await hook(app, world, one.url)
        seqs = await items(app, world, 2)
        await webhook_that(app, made.id, lambda webhook: webhook.failures >= 1)
        await failing_since(app, made.id, utc_now() - timedelta(days=3, seconds=1))
        paused = await webhook_that(app, made.id, lambda webhook: webhook.paused)
        assert (paused.paused_reason, paused.seq) == (WebhookPause.FAILING, made.seq)
        number = len(one.came)
        one.behave = None
        await edit(app, world, made.id, paused=False)
        assert await one.told(seqs[-1]) == seqs
        assert len(one.came) == number + 2


async def test_who_answers_that_it_is_gone_is_paused_at_once(app: FastAPI, world: World) -> None:
    async with receiver() as one:

        async def refuse(_delivery: Delivery) -> bytes:
            return answer(410)

        one.behave = refuse
        made = await hook(app, world, one.url)
        await items(app, world, 1)
        paused = await webhook_that(app, made.id, lambda webhook: webhook.paused)
        assert paused.paused_reason is WebhookPause.GONE
        assert len(one.came) == 1


async def test_whoever_the_log_left_behind_is_paused_with_the_reason(app: FastAPI, world: World) -> None:
    async with receiver() as one:
        made = await hook(app, world, one.url)
        await edit(app, world, made.id, paused=True)
        await items(app, world, 3)
        await trim_logs(app.state.database, SYSTEM, days=-1)
        last = await items(app, world, 1)
        async with app.state.database.write() as uow:
            webhook = await webhooks.lock(uow.session, made.id)
            assert webhook is not None
            webhook.paused_reason = None
            await uow.session.flush()
        paused = await webhook_that(app, made.id, lambda webhook: webhook.paused)
        assert paused.paused_reason is WebhookPause.LOG_TRIMMED
        assert one.came == []
        await edit(app, world, made.id, paused=False)
        assert await one.told(last[0]) == last


async def test_a_change_is_sent_again_on_demand_even_to_who_is_paused(app: FastAPI, world: World) -> None:
    async with receiver() as one:
        made = await hook(app, world, one.url)
        seqs = await items(app, world, 3)
        await one.told(seqs[-1])
        await webhook_that(app, made.id, lambda webhook: webhook.seq == seqs[-1])
        await edit(app, world, made.id, paused=True)
        first, *_ = await deliveries(app, made.id)
        async with app.state.database.write() as uow:
            again = await redeliver(uow, world.admin.actor, first.id)
        assert again.status is DeliveryStatus.WAITING

        async def look() -> bool:
            return (await deliveries(app, made.id, DeliveryStatus.DELIVERED))[0].attempts == 2

        await until(look)
    assert [delivery.seq for delivery in one.came] == [*seqs, seqs[0]]
    assert one.came[0].id == one.came[-1].id
    assert one.came[0].body == one.came[-1].body


async def test_what_is_edited_meanwhile_counts_from_then_on(app: FastAPI, world: World) -> None:
    async with receiver() as one, receiver() as other:
        reached = asyncio.Event()
        go_on = asyncio.Event()

        async def wait(_delivery: Delivery) -> bytes:
            reached.set()
            await go_on.wait()
            return OK

        one.behave = wait
        made = await hook(app, world, one.url)
        seqs = await items(app, world, 3)
        await reached.wait()
        await edit(app, world, made.id, url=other.url)
        go_on.set()
        # What was on its way is not written down, and comes again where it is wanted now.
        assert await other.told(seqs[-1]) == seqs
        webhook = await webhook_that(app, made.id, lambda webhook: webhook.seq == seqs[-1])
    assert webhook.url == other.url
