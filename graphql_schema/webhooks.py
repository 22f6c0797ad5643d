"""Webhooks."""

from typing import Annotated
from uuid import UUID

import strawberry

from api.schemas import webhooks as schemas
from api.services import webhooks
from db.models import DeliveryStatus
from db.models import Webhook as WebhookRow
from db.models import WebhookDelivery as DeliveryRow
from db.paging import Page
from graphql_schema.connections import After, Before, Connection, First, Last, page_arguments
from graphql_schema.door.context import Info
from graphql_schema.from_pydantic import ModelInput, from_input, from_output
from graphql_schema.scalars import BigInt
from graphql_schema.types import INPUT, Deleted, ExpectedVersion, Id, WorkspaceId

OfWebhook = Annotated[UUID, strawberry.argument(description="The webhook.")]
Status = Annotated[DeliveryStatus | None, strawberry.argument(description="With this status; all if absent.")]


@from_output(schemas.WebhookRead, types={"seq": BigInt})
class Webhook:
    """An address that is told of the changes of a workspace."""


@from_output(schemas.CreatedWebhook, types={"seq": BigInt})
class CreatedWebhook:
    """A new webhook, with the secret that is shown this once."""


@from_output(schemas.WebhookDeliveryRead, types={"seq": BigInt})
class WebhookDelivery:
    """A change on its way to a webhook."""


@from_input(schemas.WebhookCreate)
class WebhookCreate(ModelInput[schemas.WebhookCreate]):
    """A new webhook."""


@from_input(schemas.WebhookUpdate)
class WebhookUpdate(ModelInput[schemas.WebhookUpdate]):
    """Changes to a webhook; what is absent stays."""


@strawberry.type
class WebhookQuery:
    """Reading webhooks."""

    @strawberry.field(description="A webhook, for admins of its workspace.", graphql_type=Webhook)
    async def webhook(self, info: Info, id: Id) -> WebhookRow:
        """Return a webhook."""
        async with info.context.read() as uow:
            return await webhooks.get_webhook(uow, info.context.actor, id)

    @strawberry.field(
        description="Webhooks of a workspace, for its admins, oldest first.", graphql_type=Connection[Webhook]
    )
    async def webhooks(
        self,
        info: Info,
        workspace_id: WorkspaceId = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Page[WebhookRow]:
        """Return one page of webhooks."""
        page = page_arguments(info, first, after, last, before)
        async with info.context.read() as uow:
            return await webhooks.list_webhooks(uow, info.context.actor, workspace_id, page=page)

    @strawberry.field(
        description="What became of a webhook's deliveries, for admins of its workspace, the newest change first.",
        graphql_type=Connection[WebhookDelivery],
    )
    async def webhook_deliveries(
        self,
        info: Info,
        webhook_id: OfWebhook,
        status: Status = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Page[DeliveryRow]:
        """Return one page of deliveries."""
        page = page_arguments(info, first, after, last, before)
        async with info.context.read() as uow:
            return await webhooks.list_webhook_deliveries(uow, info.context.actor, webhook_id, status, page=page)


@strawberry.type
class WebhookMutation:
    """Changing webhooks."""

    @strawberry.mutation(
        description="Create a webhook, for admins of the workspace: it is told of what changes from now on, each "
        "change as a POST, signed by the scheme of Standard Webhooks with the secret that is shown this once.",
        graphql_type=CreatedWebhook,
    )
    async def create_webhook(self, info: Info, input: Annotated[WebhookCreate, INPUT]) -> schemas.CreatedWebhook:
        """Create a webhook."""
        data = input.to_model()
        async with info.context.write() as uow:
            return await webhooks.create_webhook(uow, info.context.actor, data, rules=info.context.webhook_rules)

    @strawberry.mutation(
        description="Change a webhook, pause it or let it go on, for admins of its workspace.", graphql_type=Webhook
    )
    async def update_webhook(
        self, info: Info, id: Id, input: Annotated[WebhookUpdate, INPUT], expected_version: ExpectedVersion = None
    ) -> WebhookRow:
        """Change a webhook."""
        data, rules = input.to_model(), info.context.webhook_rules
        async with info.context.write() as uow:
            return await webhooks.update_webhook(
                uow, info.context.actor, id, data, rules=rules, expected_version=expected_version
            )

    @strawberry.mutation(
        description="Delete a webhook, for admins of its workspace. What is on its way at this moment still arrives."
    )
    async def delete_webhook(self, info: Info, id: Id) -> Deleted:
        """Delete a webhook."""
        async with info.context.write() as uow:
            await webhooks.delete_webhook(uow, info.context.actor, id)
        return Deleted(deleted_id=strawberry.ID(str(id)))

    @strawberry.mutation(
        description="Send a change to its webhook again, for admins of its workspace, whatever came after it, and "
        "paused or not.",
        graphql_type=WebhookDelivery,
    )
    async def redeliver(self, info: Info, id: Id) -> DeliveryRow:
        """Send a change again."""
        async with info.context.write() as uow:
            return await webhooks.redeliver(uow, info.context.actor, id)
