"""How a mail leaves: to a mail server, or into the outbox where there is none."""

from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Protocol
from urllib.parse import unquote, urlsplit
from uuid import UUID

import aiosmtplib
import structlog

from api.services.mail.letters import Letter
from db.clock import utc_now
from db.engine import Database
from db.jobs.errors import HopelessError
from db.models import OutboxMail
from db.repositories import outbox

logger = structlog.get_logger("twofold.mail")

SECONDS = 20.0
"""How long a mail server may take for one answer."""

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_PORTS: Mapping[str, int] = {"smtp": 587, "smtps": 465}


class Postman(Protocol):
    """Delivers letters."""

    async def deliver(self, letter: Letter, *, job_id: UUID) -> None:
        """Deliver a letter. The same job's letter is the same mail, however often it is delivered.

        Raises:
            HopelessError: nobody will ever take it.
            Exception: it may work later.
        """


@dataclass(frozen=True)
class OutboxPostman:
    """Keeps letters in the outbox and says so in the log: for machines without a mail server."""

    database: Database
    domain: str

    async def deliver(self, letter: Letter, *, job_id: UUID) -> None:
        """Put it into the outbox, once."""
        mail = OutboxMail(
            id=job_id,
            created_at=utc_now(),
            recipient=letter.recipient,
            subject=letter.subject,
            text=letter.text,
            html=letter.html,
            message_id=message_id(job_id, self.domain),
        )
        async with self.database.write() as uow:
            if await outbox.find(uow.session, job_id) is None:
                await uow.session.insert(mail)
        logger.info("mail in the outbox", job=str(job_id), subject=letter.subject)


@dataclass(frozen=True)
class SmtpPostman:
    """Hands letters to a mail server."""

    url: str
    sender: str
    domain: str

    async def deliver(self, letter: Letter, *, job_id: UUID) -> None:
        """Hand it over. A password travels encrypted, or not at all, except to this machine itself."""
        server = urlsplit(self.url)
        try:
            await aiosmtplib.send(
                self.message(letter, job_id),
                hostname=server.hostname,
                port=server.port or _PORTS[server.scheme],
                username=unquote(server.username) if server.username else None,
                password=unquote(server.password) if server.password else None,
                use_tls=server.scheme == "smtps",
                start_tls=_start_tls(server.scheme, server.username, server.hostname),
                timeout=SECONDS,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            if all(_is_final(refusal.code) for refusal in error.recipients):
                raise HopelessError(f"The mail server refuses the address: {error.recipients[0].message}") from error
            raise
        except aiosmtplib.SMTPDataError as error:
            if _is_final(error.code):
                raise HopelessError(f"The mail server refuses the mail: {error.message}") from error
            raise
        logger.info("mail handed over", job=str(job_id), subject=letter.subject)

    def message(self, letter: Letter, job_id: UUID) -> EmailMessage:
        """Return the letter as a message (RFC 5322), the same one for the same job."""
        message = EmailMessage()
        message["From"] = self.sender
        message["To"] = letter.recipient
        message["Subject"] = letter.subject
        message["Date"] = format_datetime(utc_now())
        message["Message-ID"] = message_id(job_id, self.domain)
        # No answering machine shall answer (RFC 3834, section 5).
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.text)
        message.add_alternative(letter.html, subtype="html")
        return message


def message_id(job_id: UUID, domain: str) -> str:
    """Return the name by which mail programs know that a mail delivered twice is one (RFC 5322, section 3.6.4)."""
    return f"<{job_id}@{domain}>"


def _start_tls(scheme: str, username: str | None, host: str | None) -> bool | None:
    """Return whether to encrypt an open connection: True if it must be, None if it may."""
    if scheme == "smtps":
        return False
    return True if username and host not in _LOOPBACK else None


def _is_final(code: int) -> bool:
    """Return whether a refusal is for good (RFC 5321, section 4.2.1)."""
    return 500 <= code < 600  # noqa: PLR2004 - the class of a reply is its first digit
