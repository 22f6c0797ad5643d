"""A mail server on loopback that keeps what it gets, and tells at which step it is."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.jobs.waiting import until


@dataclass
class MailServer:
    """What arrived. `at_address` and `at_text` are called when a mail is half there, and when it is whole."""

    port: int = 0
    mails: list[Message] = field(default_factory=list)
    at_address: Callable[[], None] = lambda: None
    at_text: Callable[[], None] = lambda: None
    at_recipient: str = "250 OK"
    answer: str = "250 OK"

    @property
    def url(self) -> str:
        """Its address, for `SMTP_URL`."""
        return f"smtp://127.0.0.1:{self.port}"

    async def handle_RCPT(  # noqa: N802 - so it is called
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take an address."""
        self.at_address()
        if not self.at_recipient.startswith("250"):
            return self.at_recipient
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        """Take a mail."""
        content = envelope.content
        if self.answer.startswith("250"):
            self.mails.append(message_from_bytes(content if isinstance(content, bytes) else b""))
        self.at_text()
        return self.answer

    async def mails_to(self, address: str, number: int = 1) -> list[Message]:
        """Wait until there are so many mails to an address, and return them."""

        async def look() -> list[Message] | None:
            found = [mail for mail in self.mails if mail["To"] == address]
            return found if len(found) >= number else None

        return await until(look)


@asynccontextmanager
async def mail_server() -> AsyncIterator[MailServer]:
    """Run a mail server around a block."""
    handler = MailServer()

    def protocol() -> Any:
        return SMTP(handler, hostname="mail.example.com", enable_SMTPUTF8=True)

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    handler.port = server.sockets[0].getsockname()[1]
    try:
        yield handler
    finally:
        server.close()
