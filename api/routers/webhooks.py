"""Webhooks."""

from typing import Annotated

from fastapi import Query, Request, Response, status

from api.dependencies import CurrentActor, ExpectedVersion, Id, InstalledWebhookRules, Read, Write, WriteAnew, page_of
from api.rest import (
    CHANGING,
    CREATED_AND_TAGGED,
    GUARDED,
    TAGGED,
    VERSIONED,
    listing,
    resource_router,
    tag_created,
    tag_version,
)
from api.schemas.webhooks import (
    CreatedWebhook,
    WebhookCreate,
    WebhookDeliveryList,
    WebhookDeliveryQuery,
    WebhookDeliveryRead,
    WebhookList,
    WebhookQuery,
    WebhookRead,
    WebhookUpdate,
)
from api.services import webhooks

router = resource_router("webhooks")


@router.get("/webhooks", responses=GUARDED)
async def list_webhooks(
    query: Annotated[WebhookQuery, Query()], uow: Read, actor: CurrentActor, request: Request
) -> WebhookList:
    """List the webhooks of a workspace, for its admins, oldest first."""
    page = await webhooks.list_webhooks(uow, actor, query.workspace_id, page=page_of(query))
    return await listing(WebhookList, WebhookRead, page, request)


@router.post("/webhooks", status_code=status.HTTP_201_CREATED, responses=CHANGING | CREATED_AND_TAGGED)
async def create_webhook(
    data: WebhookCreate,
    uow: WriteAnew,
    actor: CurrentActor,
    rules: InstalledWebhookRules,
    request: Request,
    response: Response,
) -> CreatedWebhook:
    """Create a webhook, for admins of the workspace: it is told of what changes from now on.

    Each change is sent as a POST, signed by the scheme of Standard Webhooks with the secret that is shown this once.
    """
    webhook = await webhooks.create_webhook(uow, actor, data, rules=rules)
    tag_created(request, response, "get_webhook", id=webhook.id)
    tag_version(response, webhook)
    return webhook


@router.get("/webhooks/{id}", responses=GUARDED | TAGGED)
async def get_webhook(webhook_id: Id, uow: Read, actor: CurrentActor, response: Response) -> WebhookRead:
    """Return a webhook, for admins of its workspace."""
    webhook = await webhooks.get_webhook(uow, actor, webhook_id)
    tag_version(response, webhook)
    return WebhookRead.model_validate(webhook)


@router.patch("/webhooks/{id}", responses=VERSIONED | TAGGED)
async def update_webhook(
    webhook_id: Id,
    data: WebhookUpdate,
    uow: Write,
    actor: CurrentActor,
    rules: InstalledWebhookRules,
    expected: ExpectedVersion,
    response: Response,
) -> WebhookRead:
    """Change a webhook, pause it or let it go on, for admins of its workspace."""
    webhook = await webhooks.update_webhook(uow, actor, webhook_id, data, rules=rules, expected_version=expected)
    tag_version(response, webhook)
    return WebhookRead.model_validate(webhook)


@router.delete("/webhooks/{id}", status_code=status.HTTP_204_NO_CONTENT, responses=CHANGING)
async def delete_webhook(webhook_id: Id, uow: Write, actor: CurrentActor) -> None:
    """Delete a webhook, for admins of its workspace. What is on its way at this moment still arrives."""
    await webhooks.delete_webhook(uow, actor, webhook_id)


@router.get("/webhook-deliveries", responses=GUARDED)
async def list_webhook_deliveries(
    query: Annotated[WebhookDeliveryQuery, Query()], uow: Read, actor: CurrentActor, request: Request
) -> WebhookDeliveryList:
    """List what became of a webhook's deliveries, for admins of its workspace, the newest change first."""
    page = await webhooks.list_webhook_deliveries(uow, actor, query.webhook_id, query.status, page=page_of(query))
    return await listing(WebhookDeliveryList, WebhookDeliveryRead, page, request)


@router.post("/webhook-deliveries/{id}/redeliver", responses=CHANGING)
async def redeliver(delivery_id: Id, uow: Write, actor: CurrentActor) -> WebhookDeliveryRead:
    """Send a change to its webhook again, for admins of its workspace, whatever came after it, and paused or not."""
    return WebhookDeliveryRead.model_validate(await webhooks.redeliver(uow, actor, delivery_id))
