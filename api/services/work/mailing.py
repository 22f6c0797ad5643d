"""The job that writes to somebody."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from api.core.mail_tokens import digest_of
from api.schemas.jobs import LetterKind, SendMail
from api.services.mail.letters import write_letter
from api.services.work.tools import Tools
from db.clock import utc_now
from db.models import MailPurpose, MailToken, User
from db.repositories import mail_tokens, users
from db.unit_of_work import UnitOfWork

logger = structlog.get_logger("twofold.mail")


@dataclass(frozen=True)
class Link:
    """What the link of a letter is good for, where it leads, and how long it works."""

    purpose: MailPurpose
    page: str
    lifetime: timedelta
    in_words: str


_VERIFY = Link(MailPurpose.VERIFICATION, "verify-email", timedelta(days=2), "two days")
LINKS: Mapping[LetterKind, Link] = {
    LetterKind.WELCOME: _VERIFY,
    LetterKind.VERIFICATION: _VERIFY,
    LetterKind.EMAIL_CHANGE: Link(MailPurpose.EMAIL_CHANGE, "verify-email", timedelta(hours=2), "two hours"),
    LetterKind.PASSWORD_RESET: Link(MailPurpose.PASSWORD_RESET, "reset-password", timedelta(hours=1), "one hour"),
}


async def send_mail(tools: Tools, job_id: UUID, data: SendMail) -> None:
    """Write a letter with a link, and hand it to the postman.

    Who has no account, none any more, or one that is disabled, gets none.
    """
    link = LINKS[data.letter]
    async with tools.database.write() as uow:
        user = await _addressee(uow, data)
        if user is None or user.email is None or user.disabled or _is_outdated(data, user):
            logger.info("nobody to write to", job=str(job_id), letter=data.letter)
            return
        recipient = data.email if data.letter is LetterKind.EMAIL_CHANGE and data.email else user.email
        token = tools.tokens.of(job_id)
        if not await _note(uow, job_id, user, recipient, link, digest_of(token)):
            return
    letter = write_letter(
        data.letter,
        recipient,
        app_name=tools.app_name,
        link=tools.link(link.page, token),
        lifetime=link.in_words,
    )
    await tools.postman.deliver(letter, job_id=job_id)


def _is_outdated(data: SendMail, user: User) -> bool:
    return data.asked_with is not None and data.asked_with != digest_of(user.password_hash or "")


async def _addressee(uow: UnitOfWork, data: SendMail) -> User | None:
    if data.user_id is not None:
        return await users.find(uow.session, data.user_id)
    # PostgreSQL takes no such letter, and no address has it.
    return await users.find_by_email(uow.session, data.email) if data.email and "\x00" not in data.email else None


async def _note(uow: UnitOfWork, job_id: UUID, user: User, email: str, link: Link, digest: str) -> bool:
    """Note the token, or let it count anew from now if this is another attempt. Return False if it was used."""
    expires_at = utc_now() + link.lifetime
    known = await mail_tokens.find(uow.session, job_id)
    if known is None:
        token = MailToken(
            id=job_id,
            digest=digest,
            purpose=link.purpose,
            user_id=user.id,
            email=email,
            password_digest=digest_of(user.password_hash or ""),
            expires_at=expires_at,
        )
        await uow.session.insert(token)
        return True
    if known.used_at is not None:
        return False
    known.email, known.password_digest, known.expires_at = email, digest_of(user.password_hash or ""), expires_at
    await uow.session.flush()
    return True
