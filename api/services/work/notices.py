"""The jobs that tell somebody of what happened, with nothing to be done by a link but to look after it."""

from collections.abc import Mapping
from ipaddress import ip_address
from uuid import UUID

from api.schemas.jobs import LetterKind, MembershipNews, TellOfMembership, TellOfPause, TellOfSignIn, TellOfTwoStepOff
from api.services.mail.letters import write_letter
from api.services.work.tools import Tools
from db.models import Role, User, WebhookPause
from db.repositories import members, users, webhooks
from db.scope import EVERYTHING

_WHY: Mapping[WebhookPause, str] = {
    WebhookPause.FAILING: "its receiver took nothing for three days",
    WebhookPause.GONE: "its receiver answered that it wants to hear no more",
    WebhookPause.LOG_TRIMMED: "the log was trimmed beyond what the receiver had been told of",
}


async def tell_of_sign_in(tools: Tools, job_id: UUID, data: TellOfSignIn) -> None:
    """Write to the owner of an account, unless it is gone or disabled meanwhile."""
    async with tools.database.read() as uow:
        user = await users.find(uow.session, data.user_id)
    values = {"at": f"{data.at:%Y-%m-%d %H:%M}", "device": data.device, "address": _shown(data.address)}
    await _tell(tools, job_id, LetterKind.NEW_SIGN_IN, user, **values)


async def tell_of_two_step_off(tools: Tools, job_id: UUID, data: TellOfTwoStepOff) -> None:
    """Write to the owner of an account, as `tell_of_sign_in` does."""
    async with tools.database.read() as uow:
        user = await users.find(uow.session, data.user_id)
    values = {"at": f"{data.at:%Y-%m-%d %H:%M}", "by_administrator": data.by_administrator}
    await _tell(tools, job_id, LetterKind.TWO_STEP_OFF, user, **values)


async def tell_of_pause(tools: Tools, job_id: UUID, data: TellOfPause) -> None:
    """Write to an admin of a webhook's workspace, as long as both are so."""
    async with tools.database.read() as uow:
        webhook = await webhooks.find(uow.session, EVERYTHING, data.webhook_id)
        why = _WHY.get(webhook.paused_reason) if webhook is not None and webhook.paused_reason is not None else None
        if webhook is None or why is None:
            return
        member = await members.find(uow.session, webhook.workspace_id, data.user_id)
    user = member.user if member is not None and member.role is Role.ADMIN else None
    values = {"webhook": str(webhook.id), "why": why}
    await _tell(tools, job_id, LetterKind.WEBHOOK_PAUSED, user, **values)


async def _tell(tools: Tools, job_id: UUID, kind: LetterKind, user: User | None, **values: object) -> None:
    if user is None or user.email is None or user.disabled:
        return
    letter = write_letter(kind, user.email, app_name=tools.app_name, link=tools.public_url, **values)
    await tools.postman.deliver(letter, job_id=job_id)


_WORDS: Mapping[MembershipNews, str] = {
    MembershipNews.ADDED: "added you to a workspace",
    MembershipNews.REMOVED: "took you out of a workspace",
    MembershipNews.ROLE_CHANGED: "gave you another role in a workspace",
}


async def tell_of_membership(tools: Tools, job_id: UUID, data: TellOfMembership) -> None:
    """Write to who still wants to be told, and has proven to read the address."""
    async with tools.database.read() as uow:
        user = await users.find(uow.session, data.user_id)
    if user is None or user.email is None or user.disabled:
        return
    if not user.membership_mails or user.email_verified_at is None:
        return
    letter = write_letter(
        LetterKind.MEMBERSHIP,
        user.email,
        app_name=tools.app_name,
        link=tools.public_url,
        news=_WORDS[data.news],
    )
    await tools.postman.deliver(letter, job_id=job_id)


def _shown(address: str | None) -> str:
    """Return an address as it is shown; what a proxy took for one may be anything, and is not."""
    try:
        return str(ip_address(address or ""))
    except ValueError:
        return "an unknown address"
