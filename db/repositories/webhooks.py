"""Queries on webhooks, and on what became of their deliveries."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ScalarSelect, Select, delete, func, or_, select

from db.models import DeliveryStatus, Webhook, WebhookDelivery, Workspace
from db.paging import Page, PageRequest, Sort, fetch_page
from db.repositories.workspaces import readable
from db.scope import Scope
from db.session import ReadSession, WriteSession

BY_CREATED: Sort[Webhook] = Sort("created", Webhook.created_at, Webhook.id)
NEWEST_FIRST: Sort[WebhookDelivery] = Sort("-seq", WebhookDelivery.seq, WebhookDelivery.id, descending=True)


def workspace_of(webhook_id: UUID) -> ScalarSelect[UUID]:
    """Return the query for the id of the webhook's workspace, which never changes."""
    return select(Webhook.workspace_id).where(Webhook.id == webhook_id).scalar_subquery()


def workspace_of_delivery(delivery_id: UUID) -> ScalarSelect[UUID]:
    """Return the query for the id of the delivery's workspace, which never changes."""
    return select(WebhookDelivery.workspace_id).where(WebhookDelivery.id == delivery_id).scalar_subquery()


async def find(session: ReadSession, scope: Scope, webhook_id: UUID) -> Webhook | None:
    """Return the webhook, if the scope may see it."""
    visible = readable(scope, Webhook.workspace_id.expression)
    return await session.one_or_none(select(Webhook).where(Webhook.id == webhook_id, visible))


async def lock(session: WriteSession, webhook_id: UUID) -> Webhook | None:
    """Take the row lock of a webhook and return it as it is now."""
    return await session.one_or_none(_locked(select(Webhook).where(Webhook.id == webhook_id)))


def _locked(statement: Select[Webhook]) -> Select[Webhook]:
    return statement.with_for_update(key_share=True).execution_options(populate_existing=True)


async def page(session: ReadSession, workspace_id: UUID, request: PageRequest[Webhook]) -> Page[Webhook]:
    """Return one page of a workspace's webhooks."""
    return await fetch_page(session, select(Webhook).where(Webhook.workspace_id == workspace_id), request)


async def count(session: ReadSession, workspace_id: UUID) -> int:
    """Return how many webhooks a workspace has."""
    return await session.one(select(func.count()).select_from(Webhook).where(Webhook.workspace_id == workspace_id))


async def behind(
    session: ReadSession, now: datetime, limit: int, workspace_ids: Collection[UUID] | None = None
) -> Sequence[Webhook]:
    """Return webhooks that have something to be told now: of these workspaces, or of any."""
    statement = (
        select(Webhook)
        .join(Workspace, Workspace.id == Webhook.workspace_id)
        .where(
            Webhook.paused_reason.is_(None),
            Webhook.seq < Workspace.seq,
            or_(Webhook.next_attempt_at.is_(None), Webhook.next_attempt_at <= now),
        )
        .order_by(Webhook.next_attempt_at, Webhook.id)
        .limit(limit)
    )
    if workspace_ids is not None:
        statement = statement.where(Webhook.workspace_id.in_(workspace_ids))
    return await session.all(statement)


async def remove(session: WriteSession, webhook: Webhook) -> None:
    """Delete a webhook and what is known of its deliveries."""
    await session.execute(delete(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook.id))
    await session.delete(webhook)


async def remove_all_of(session: WriteSession, workspace_id: UUID) -> None:
    """Delete the webhooks of a workspace, which is locked, and what is known of their deliveries."""
    await session.execute(delete(WebhookDelivery).where(WebhookDelivery.workspace_id == workspace_id))
    await session.execute(delete(Webhook).where(Webhook.workspace_id == workspace_id))


async def find_delivery(session: ReadSession, scope: Scope, delivery_id: UUID) -> WebhookDelivery | None:
    """Return the delivery, if the scope may see it."""
    visible = readable(scope, WebhookDelivery.workspace_id.expression)
    return await session.one_or_none(select(WebhookDelivery).where(WebhookDelivery.id == delivery_id, visible))


async def find_deliveries(session: ReadSession, ids: Sequence[UUID]) -> Sequence[WebhookDelivery]:
    """Return those of the deliveries that there are, in no order."""
    return await session.all(select(WebhookDelivery).where(WebhookDelivery.id.in_(ids)))


async def page_of_deliveries(
    session: ReadSession, webhook_id: UUID, status: DeliveryStatus | None, request: PageRequest[WebhookDelivery]
) -> Page[WebhookDelivery]:
    """Return one page of a webhook's deliveries; None is no condition."""
    statement = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id)
    if status is not None:
        statement = statement.where(WebhookDelivery.status == status)
    return await fetch_page(session, statement, request)


async def forget_deliveries(session: WriteSession, before: datetime) -> None:
    """Delete what is known of old deliveries."""
    await session.execute(delete(WebhookDelivery).where(WebhookDelivery.last_attempt_at < before))
