"""The jobs that tell webhooks: in the order of the log, each change at least once, however often somebody dies.

A webhook is a cursor in the log of its workspace, as a subscriber is. One job at a time takes it forward, holds no
connection of the database while it sends, and writes down what it did a few changes or a second at a time: so much
is sent again, under the same ids, if it is killed. A job ends when there is nothing more, when the receiver fails,
or after some seconds, in which case it promises the next one; `waking` promises the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from uuid import UUID

from api.schemas.jobs import DeliverWebhook, Redeliver
from api.services.changes import MAX_LETTERS
from api.services.webhooks import promise
from api.services.work.courier import Answer, Parcel, Receiver, delivery_id, kind_of
from api.services.work.pausing import pause
from api.services.work.tools import Tools
from db.clock import utc_now
from db.jobs.errors import HopelessError
from db.jobs.runner import spread
from db.logs import workspace_log
from db.models import Change, DeliveryStatus, Webhook, WebhookDelivery, WebhookKind, WebhookPause
from db.models.base import new_id
from db.repositories import changes, webhooks, workspaces
from db.scope import EVERYTHING
from db.unit_of_work import UnitOfWork

BACKOFF = (5.0, 30.0, 2 * 60.0, 10 * 60.0, 30 * 60.0, 3600.0)
"""Seconds after a first, second, … failure in a row; the last one for all that follow."""

GIVE_UP_AFTER = timedelta(days=3)
"""Who fails for so long is paused."""

PAGE = 100
UNSAVED = 20
UNSAVED_SECONDS = 1.0
RUN_SECONDS = 20.0
GONE = 410
"""The status by which a receiver says that it wants to hear no more (Standard Webhooks, "Delivery")."""


@dataclass
class Run:
    """One beginning of a job, what its webhook was then, and how far it got."""

    id: UUID
    webhook_id: UUID
    workspace_id: UUID
    url: str
    kinds: frozenset[WebhookKind]
    seq: int
    unsaved: list[WebhookDelivery] = field(default_factory=list)
    saved_at: float = field(default_factory=monotonic)

    @property
    def should_save(self) -> bool:
        """Whether so much was done that it would be a pity to do it again."""
        return len(self.unsaved) >= UNSAVED or monotonic() > self.saved_at + UNSAVED_SECONDS


class _OverError(Exception):
    """The run is over: it did what there was to do, failed, or somebody else goes on."""


async def deliver_webhook(tools: Tools, job_id: UUID, data: DeliverWebhook) -> None:
    """Tell a webhook of what it was not told of yet, as long as that goes well."""
    run = await _begin(tools, job_id, data.webhook_id)
    if run is None:
        return
    try:
        async with tools.courier.calling(run.webhook_id, run.url) as receiver:
            was_slow, until = tools.courier.is_slow(run.webhook_id), monotonic() + RUN_SECONDS
            while monotonic() < until:
                for change in await _next_page(tools, run):
                    await _take(tools, run, receiver, change)
                    if monotonic() > until or tools.courier.is_slow(run.webhook_id) != was_slow:
                        break
                else:
                    await _save(tools, run, finish=True)
                    continue
                break
        await _save(tools, run, hand_over=True)
    except _OverError:
        return


async def _begin(tools: Tools, job_id: UUID, webhook_id: UUID) -> Run | None:
    """Take a webhook in hand, if the job is still the one that shall."""
    async with tools.database.write() as uow:
        webhook = await webhooks.lock(uow.session, webhook_id)
        if webhook is None or webhook.job_id != job_id or webhook.paused:
            return None
        webhook.run_id = new_id()
        await uow.session.flush()
        kinds = WebhookKind if webhook.kinds is None else map(WebhookKind, webhook.kinds)
        return Run(
            id=webhook.run_id,
            webhook_id=webhook.id,
            workspace_id=webhook.workspace_id,
            url=webhook.url,
            kinds=frozenset(kinds),
            seq=webhook.seq,
        )


async def _next_page(tools: Tools, run: Run) -> Sequence[Change]:
    """Return the next changes; if some that should have come first are gone, pause the webhook."""
    async with tools.database.read() as uow:
        workspace = await workspaces.find(uow.session, EVERYTHING, run.workspace_id)
        found = await changes.after(uow.session, EVERYTHING, run.workspace_id, run.seq, PAGE, letters=MAX_LETTERS)
    if workspace is not None and workspace.trimmed_seq > run.seq:
        async with tools.database.write() as uow:
            webhook = await _mine(uow, run)
            await pause(uow, webhook, WebhookPause.LOG_TRIMMED)
        raise _OverError
    return found


async def _take(tools: Tools, run: Run, receiver: Receiver, change: Change) -> None:
    """Tell of a change, if it is to be told, and go one forward."""
    kind = kind_of(change)
    if kind is not None and kind in run.kinds:
        answer = await receiver.tell(Parcel.of(run.webhook_id, change))
        run.unsaved.append(_delivery(run.webhook_id, change, kind, answer))
        if answer.error is not None:
            await _fail(tools, run, answer)
            raise _OverError
    run.seq = change.seq
    if run.should_save:
        await _save(tools, run)


async def _save(tools: Tools, run: Run, *, finish: bool = False, hand_over: bool = False) -> None:
    """Write down how far it got; `finish` if there is nothing more, `hand_over` to another job.

    Raises:
        _OverError: this run shall not go on.
    """
    async with tools.database.write() as uow:
        webhook = await _mine(uow, run)
        await _write_down(uow, run, webhook)
        if any(one.status is DeliveryStatus.DELIVERED for one in run.unsaved):
            webhook.failures, webhook.failing_since, webhook.next_attempt_at = 0, None, None
        over = hand_over
        if hand_over:
            await promise(uow, webhook)
        elif finish:
            # With the webhook locked: whoever commits a change from now on finds that nobody is at it.
            over = (await changes.head(uow.session, workspace_log(run.workspace_id))).seq <= run.seq
            if over:
                webhook.job_id = webhook.run_id = None
        await uow.session.flush()
    run.unsaved, run.saved_at = [], monotonic()
    if over:
        raise _OverError


async def _fail(tools: Tools, run: Run, answer: Answer) -> None:
    """Write down a failure, and when to try again, or that nobody does."""
    now = utc_now()
    async with tools.database.write() as uow:
        webhook = await _mine(uow, run)
        await _write_down(uow, run, webhook)
        if len(run.unsaved) > 1:
            webhook.failures, webhook.failing_since = 0, None
        webhook.failures += 1
        webhook.failing_since = webhook.failing_since or now
        if answer.status_code == GONE:
            await pause(uow, webhook, WebhookPause.GONE)
        elif now - webhook.failing_since >= GIVE_UP_AFTER:
            await pause(uow, webhook, WebhookPause.FAILING)
        else:
            seconds = spread(BACKOFF[min(webhook.failures, len(BACKOFF)) - 1])
            webhook.next_attempt_at = now + timedelta(seconds=seconds)
            webhook.job_id = webhook.run_id = None
            await uow.session.flush()


async def _mine(uow: UnitOfWork, run: Run) -> Webhook:
    """Return the webhook, locked.

    Raises:
        _OverError: it is gone or was edited, or another run took it over: what this one knows is old.
    """
    webhook = await webhooks.lock(uow.session, run.webhook_id)
    if webhook is None or webhook.run_id != run.id:
        raise _OverError
    return webhook


def _delivery(webhook_id: UUID, change: Change, kind: WebhookKind, answer: Answer) -> WebhookDelivery:
    now = utc_now()
    return WebhookDelivery(
        id=delivery_id(webhook_id, change),
        webhook_id=webhook_id,
        workspace_id=change.workspace_id,
        seq=change.seq,
        kind=kind,
        status=DeliveryStatus.DELIVERED if answer.error is None else DeliveryStatus.FAILED,
        attempts=1,
        status_code=answer.status_code,
        error=answer.error,
        milliseconds=answer.milliseconds,
        first_attempt_at=now,
        last_attempt_at=now,
    )


async def _write_down(uow: UnitOfWork, run: Run, webhook: Webhook) -> None:
    """Write down what became of deliveries, and how far the webhook is."""
    webhook.seq = run.seq
    await _note(uow, run.unsaved)


async def _note(uow: UnitOfWork, deliveries: Sequence[WebhookDelivery]) -> None:
    """Write down what became of deliveries, some of which were tried before."""
    if not deliveries:
        return
    known = {one.id: one for one in await webhooks.find_deliveries(uow.session, [one.id for one in deliveries])}
    for one in deliveries:
        former = known.get(one.id)
        if former is None:
            continue
        former.status, former.status_code, former.error = one.status, one.status_code, one.error
        former.milliseconds, former.last_attempt_at = one.milliseconds, one.last_attempt_at
        former.attempts += 1
    await uow.session.flush()
    await uow.session.insert(*(one for one in deliveries if one.id not in known))


async def redeliver(tools: Tools, _job_id: UUID, data: Redeliver) -> None:
    """Send one change again. What fails is tried again, as any job is.

    Raises:
        HopelessError: the log does not have it any more.
        RuntimeError: it was not taken.
    """
    async with tools.database.read() as uow:
        delivery = await webhooks.find_delivery(uow.session, EVERYTHING, data.delivery_id)
        if delivery is None or delivery.status is DeliveryStatus.DELIVERED:
            return
        webhook = await webhooks.find(uow.session, EVERYTHING, delivery.webhook_id)
        found = await changes.find_many(uow.session, EVERYTHING, [(delivery.workspace_id, delivery.seq)])
    if webhook is None:
        return
    if not found:
        raise HopelessError("The log does not have the change any more.")
    async with tools.courier.calling(webhook.id, webhook.url) as receiver:
        answer = await receiver.tell(Parcel.of(webhook.id, found[0]))
    async with tools.database.write() as uow:
        if await webhooks.lock(uow.session, webhook.id) is None:
            return
        await _note(uow, [_delivery(webhook.id, found[0], delivery.kind, answer)])
    if answer.error is not None:
        raise RuntimeError(answer.error)
