"""The outbox: mails that were delivered nowhere."""

from collections.abc import Sequence

from api.core.actor import Actor
from db.models import OutboxMail
from db.repositories import outbox
from db.unit_of_work import ReadUnit


async def list_outbox(uow: ReadUnit, actor: Actor, *, limit: int) -> Sequence[OutboxMail]:
    """Return the last mails, the newest first, for whoever holds the command line: there are tokens in them.

    Raises:
        AppError: UNAUTHENTICATED or FORBIDDEN.
    """
    actor.require_administrator()
    return await outbox.newest(uow.session, limit)
