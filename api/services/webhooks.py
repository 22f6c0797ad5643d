"""Webhooks: what admins of a workspace do with them. How they are told of changes is in `work.delivering`."""

from uuid import NAMESPACE_URL, UUID, uuid5

from api.core.actor import Actor
from api.core.errors import conflict, invalid, not_found
from api.core.pages import PageArguments
from api.core.permissions import Permission
from api.core.webhook_rules import WebhookRules
from api.schemas.jobs import DeliverWebhook, Redeliver
from api.schemas.webhooks import CreatedWebhook, WebhookCreate, WebhookRead, WebhookUpdate
from api.services import access, security
from api.services.edits import Expected, apply, check_version, sent
from api.services.idempotency import idempotent
from api.services.jobs import enqueue
from db.models import DeliveryStatus, SecurityEventKind, Webhook, WebhookDelivery, WebhookPause, Workspace
from db.models.base import new_id
from db.paging import Page
from db.repositories import webhooks
from db.unit_of_work import ReadUnit, UnitOfWork

MOST = 20
"""Webhooks of a workspace: each is told of every change."""


async def create_webhook(uow: UnitOfWork, actor: Actor, data: WebhookCreate, *, rules: WebhookRules) -> CreatedWebhook:
    """Create a webhook, for admins; it is told of what changes from now on. Its secret is shown this once.

    Raises:
        AppError: VALIDATION_ERROR for an address that is not allowed; CONFLICT for too many.
    """
    workspace_id = access.or_personal(actor, data.workspace_id)
    workspace, _ = await access.enter(uow, actor, workspace_id, Permission.MANAGE)
    _check_url(data.url, rules)
    if await webhooks.count(uow.session, workspace.id) >= MOST:
        raise conflict(f"A workspace has at most {MOST} webhooks.", most=MOST)
    webhook = Webhook(
        id=new_id(),
        workspace_id=workspace.id,
        url=data.url,
        kinds=None if data.kinds is None else [*data.kinds],
        description=data.description,
        seq=workspace.seq,
    )
    await uow.session.insert(webhook)
    await _tell_security(uow, actor, SecurityEventKind.WEBHOOK_CREATED, webhook)
    told = WebhookRead.model_validate(webhook)
    return CreatedWebhook(**dict(told), secret=rules.secrets.of(webhook.id))


async def get_webhook(uow: ReadUnit, actor: Actor, webhook_id: UUID) -> Webhook:
    """Return a webhook, for admins."""
    webhook = await webhooks.find(uow.session, actor.scope(), webhook_id)
    if webhook is None:
        raise not_found("webhook")
    await access.check(uow, actor, webhook.workspace_id, Permission.MANAGE)
    return webhook


async def list_webhooks(
    uow: ReadUnit, actor: Actor, workspace_id: UUID | None, *, page: PageArguments
) -> Page[Webhook]:
    """Return one page of a workspace's webhooks, for admins, oldest first."""
    request = page.of(webhooks.BY_CREATED)
    workspace_id = access.or_personal(actor, workspace_id)
    await access.check(uow, actor, workspace_id, Permission.MANAGE)
    return await webhooks.page(uow.session, workspace_id, request)


@idempotent
async def update_webhook(
    uow: UnitOfWork,
    actor: Actor,
    webhook_id: UUID,
    data: WebhookUpdate,
    *,
    rules: WebhookRules,
    expected_version: Expected = None,
) -> Webhook:
    """Change a webhook, pause it or let it go on, for admins.

    Raises:
        AppError: VALIDATION_ERROR for an address that is not allowed; PRECONDITION_FAILED if `expected_version` is
            not the current one.
    """
    workspace, webhook = await _open(uow, actor, webhook_id)
    check_version(webhook, expected_version)
    values = sent(data)
    if "url" in values:
        _check_url(values["url"], rules)
    paused = values.pop("paused", webhook.paused)
    if paused != webhook.paused:
        values["paused_reason"] = WebhookPause.BY_ADMIN if paused else None
    if apply(webhook, values):
        # What it was told of before may not be what it is told of now, and where it failed is not where it leads.
        _begin_anew(workspace, webhook)
        await uow.session.flush()
        if not webhook.paused and webhook.seq < workspace.seq:
            await promise(uow, webhook)
    return webhook


@idempotent
async def delete_webhook(uow: UnitOfWork, actor: Actor, webhook_id: UUID) -> None:
    """Delete a webhook and what is known of its deliveries, for admins. What is on its way still arrives."""
    _, webhook = await _open(uow, actor, webhook_id)
    await webhooks.remove(uow.session, webhook)
    await _tell_security(uow, actor, SecurityEventKind.WEBHOOK_DELETED, webhook)


async def list_webhook_deliveries(
    uow: ReadUnit, actor: Actor, webhook_id: UUID, status: DeliveryStatus | None, *, page: PageArguments
) -> Page[WebhookDelivery]:
    """Return one page of what became of a webhook's deliveries, for admins, the newest change first."""
    request = page.of(webhooks.NEWEST_FIRST)
    webhook = await get_webhook(uow, actor, webhook_id)
    return await webhooks.page_of_deliveries(uow.session, webhook.id, status, request)


@idempotent
async def redeliver(uow: UnitOfWork, actor: Actor, delivery_id: UUID) -> WebhookDelivery:
    """Send a change to its webhook again, for admins, whatever came after it, and paused or not."""
    workspace_of = webhooks.workspace_of_delivery(delivery_id)
    await access.enter(uow, actor, workspace_of, Permission.MANAGE, what="delivery")
    delivery = await webhooks.find_delivery(uow.session, actor.scope(), delivery_id)
    if delivery is None:
        raise not_found("delivery")
    # Asked for twice before it is tried, it is one job.
    job_id = uuid5(NAMESPACE_URL, f"twofold:redeliver:{delivery.id}:{delivery.attempts}")
    await enqueue(uow, Redeliver(delivery_id=delivery.id), job_id=job_id)
    delivery.status = DeliveryStatus.WAITING
    await uow.session.flush()
    return delivery


async def promise(uow: UnitOfWork, webhook: Webhook) -> None:
    """Promise that a webhook, which is locked, is told of what it was not told of yet."""
    webhook.job_id, webhook.run_id = new_id(), None
    await uow.session.flush()
    await enqueue(uow, DeliverWebhook(webhook_id=webhook.id), job_id=webhook.job_id)


async def _open(uow: UnitOfWork, actor: Actor, webhook_id: UUID) -> tuple[Workspace, Webhook]:
    """Return a webhook that nobody else writes, and its workspace, which the actor may manage."""
    workspace_of = webhooks.workspace_of(webhook_id)
    workspace, _ = await access.enter(uow, actor, workspace_of, Permission.MANAGE, what="webhook")
    webhook = await webhooks.lock(uow.session, webhook_id)
    if webhook is None:
        raise not_found("webhook")
    return workspace, webhook


def _begin_anew(workspace: Workspace, webhook: Webhook) -> None:
    """Forget failures and stop the job that is under way, which knows how the webhook was before."""
    webhook.failures, webhook.failing_since, webhook.next_attempt_at = 0, None, None
    webhook.job_id = webhook.run_id = None
    # Of a log that was trimmed meanwhile, what is left is told.
    webhook.seq = max(webhook.seq, workspace.trimmed_seq)


def _check_url(url: str, rules: WebhookRules) -> None:
    objection = rules.targets.objection(url)
    if objection is not None:
        raise invalid([("url", objection)])


async def _tell_security(uow: UnitOfWork, actor: Actor, kind: SecurityEventKind, webhook: Webhook) -> None:
    ids = {"webhook_id": str(webhook.id), "workspace_id": str(webhook.workspace_id)}
    await security.record(uow, actor, kind, actor.user_id, **ids)
