"""The table of jobs: to add a kind, give it an input in `api.schemas.jobs`, a handler, and a line here."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar
from uuid import UUID

from api.schemas.jobs import (
    DeliverWebhook,
    EraseBytes,
    MakeThumbnails,
    Redeliver,
    SendInvitation,
    SendMail,
    Sweep,
    TellOfMembership,
    TellOfPause,
    TellOfSignIn,
    TellOfTwoStepOff,
    Work,
)
from api.services.work.delivering import deliver_webhook, redeliver
from api.services.work.erasing import erase_bytes
from api.services.work.inviting import send_invitation
from api.services.work.mailing import send_mail
from api.services.work.notices import tell_of_membership, tell_of_pause, tell_of_sign_in, tell_of_two_step_off
from api.services.work.shrinking import make_thumbnails
from api.services.work.sweep import sweep
from api.services.work.tools import Tools
from db.jobs.runner import Handler

APART = frozenset({DeliverWebhook.kind, Redeliver.kind})
"""Kinds that see to it themselves how many are done at once: others must not wait for a receiver that hangs."""

W = TypeVar("W", bound=Work)


def handlers(tools: Tools) -> Mapping[str, Handler]:
    """Return what does each kind of job."""
    return dict(
        [
            _line(tools, SendMail, send_mail),
            _line(tools, SendInvitation, send_invitation),
            _line(tools, TellOfSignIn, tell_of_sign_in),
            _line(tools, TellOfTwoStepOff, tell_of_two_step_off),
            _line(tools, TellOfPause, tell_of_pause),
            _line(tools, TellOfMembership, tell_of_membership),
            _line(tools, Sweep, sweep),
            _line(tools, DeliverWebhook, deliver_webhook),
            _line(tools, Redeliver, redeliver),
            _line(tools, EraseBytes, erase_bytes),
            _line(tools, MakeThumbnails, make_thumbnails),
        ]
    )


def _line(tools: Tools, model: type[W], function: Callable[[Tools, UUID, W], Awaitable[None]]) -> tuple[str, Handler]:
    async def handle(job_id: UUID, arguments: dict[str, Any]) -> None:
        await function(tools, job_id, model.model_validate(arguments))

    return model.kind, handle
