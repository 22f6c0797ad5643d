"""What the tests of webhooks do again and again, below the doors."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from sqlalchemy import update

from api.core.webhook_rules import WebhookRules
from api.schemas.items import ItemCreate
from api.schemas.webhooks import CreatedWebhook, WebhookCreate, WebhookUpdate
from api.services.items import create_item
from api.services.webhooks import create_webhook, update_webhook
from db.models import DeliveryStatus, Webhook, WebhookDelivery
from db.paging import PageRequest
from db.repositories import webhooks
from db.scope import EVERYTHING
from tests.doors.people import World
from tests.jobs.waiting import until


def rules_of(app: FastAPI) -> WebhookRules:
    """Return the installation's way with webhooks."""
    rules: WebhookRules = app.state.webhook_rules
    return rules


async def hook(app: FastAPI, world: World, url: str, **values: Any) -> CreatedWebhook:
    """Let the admin make a webhook."""
    data = WebhookCreate(workspace_id=world.workspace, url=url, **values)
    async with app.state.database.write() as uow:
        return await create_webhook(uow, world.admin.actor, data, rules=rules_of(app))


async def edit(app: FastAPI, world: World, webhook_id: UUID, **values: Any) -> None:
    """Let the admin change a webhook."""
    async with app.state.database.write() as uow:
        await update_webhook(uow, world.admin.actor, webhook_id, WebhookUpdate(**values), rules=rules_of(app))


async def items(app: FastAPI, world: World, number: int) -> list[int]:
    """Let the editor create items one after the other, and return the numbers of the changes."""
    seqs = []
    for index in range(number):
        async with app.state.database.write() as uow:
            await create_item(uow, world.editor.actor, ItemCreate(workspace_id=world.workspace, title=f"Item {index}"))
        seqs += uow.last_seqs.values()
    return seqs


async def webhook_that(app: FastAPI, webhook_id: UUID, fits: Callable[[Webhook], bool]) -> Webhook:
    """Wait until a webhook is as it should be."""

    async def look() -> Webhook | None:
        async with app.state.database.read() as uow:
            found = await webhooks.find(uow.session, EVERYTHING, webhook_id)
        return found if found is not None and fits(found) else None

    return await until(look)


async def deliveries(app: FastAPI, webhook_id: UUID, status: DeliveryStatus | None = None) -> list[WebhookDelivery]:
    """Return what is known of the deliveries to a webhook, in the order of the log."""
    async with app.state.database.read() as uow:
        request = PageRequest(webhooks.NEWEST_FIRST, 100)
        page = await webhooks.page_of_deliveries(uow.session, webhook_id, status, request)
    return list(reversed(page.rows))


async def failing_since(app: FastAPI, webhook_id: UUID, moment: datetime) -> None:
    """Let a webhook have failed since a moment, and be tried now."""
    async with app.state.database.write() as uow:
        values = {"failing_since": moment, "next_attempt_at": None}
        await uow.session.execute(update(Webhook).where(Webhook.id == webhook_id).values(**values))
