"""Pausing a webhook that cannot be told any more, and telling the admins of its workspace."""

from uuid import NAMESPACE_URL, uuid5

import structlog

from api.core.actor import SYSTEM
from api.schemas.jobs import TellOfPause
from api.services import security
from api.services.jobs import enqueue
from db.clock import utc_now
from db.models import SecurityEventKind, Webhook, WebhookPause
from db.repositories import members
from db.unit_of_work import UnitOfWork

logger = structlog.get_logger("twofold.webhooks")


async def pause(uow: UnitOfWork, webhook: Webhook, reason: WebhookPause) -> None:
    """Pause a webhook that is locked, and promise a mail to each admin whose address is confirmed.

    An admin gets one a day for a workspace: who manages webhooks must not be able to fill the mailbox of another.
    """
    webhook.paused_reason, webhook.next_attempt_at = reason, None
    webhook.job_id = webhook.run_id = None
    await uow.session.flush()
    ids = {"webhook_id": str(webhook.id), "workspace_id": str(webhook.workspace_id), "reason": reason.value}
    await security.record(uow, SYSTEM, SecurityEventKind.WEBHOOK_PAUSED, None, **ids)
    logger.warning("a webhook was paused", **ids)
    for user_id in await members.admins_with_address(uow.session, webhook.workspace_id):
        notice = f"twofold:pause:{webhook.workspace_id}:{user_id}:{utc_now():%Y-%m-%d}"
        await enqueue(uow, TellOfPause(user_id=user_id, webhook_id=webhook.id), job_id=uuid5(NAMESPACE_URL, notice))
