"""Mail through a real mail server program."""

from typing import Any
from uuid import UUID

import aiosmtplib
import pytest

from api.config import Settings
from api.schemas.jobs import LetterKind
from api.server.working import tools_of
from api.services.mail.letters import Letter, write_letter
from api.services.mail.post import SmtpPostman
from db.jobs.errors import HopelessError
from tests.jobs.mail_server import mail_server

JOB = UUID("0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000")


def letter(recipient: str = "ada@example.com", kind: LetterKind = LetterKind.WELCOME) -> Letter:
    return write_letter(
        kind,
        recipient,
        app_name="Tom & Söhne",
        link="https://app.example.com/x#token=1",
        lifetime="1 h",
        until="2026-02-07 08:30",
        at="2026-01-31 08:30",
        device="Firefox on Linux",
        address="192.0.2.1",
        by_administrator=False,
        webhook="0199aaaa",
        why="it took nothing",
        news="let you into a workspace",
    )


def postman(url: str) -> SmtpPostman:
    return SmtpPostman(url, "team@mail.example.org", "mail.example.org")


@pytest.mark.parametrize("kind", LetterKind)
async def test_every_letter_arrives_as_text_and_as_html(kind: LetterKind) -> None:
    async with mail_server() as server:
        await postman(server.url).deliver(letter(kind=kind), job_id=JOB)
    (mail,) = server.mails
    assert (mail["From"], mail["To"]) == ("team@mail.example.org", "ada@example.com")
    assert mail["Message-ID"] == f"<{JOB}@mail.example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    details = {
        LetterKind.NEW_SIGN_IN: ("2026-01-31 08:30", "Firefox on Linux", "192.0.2.1"),
        LetterKind.INVITATION: ("2026-02-07 08:30",),
        LetterKind.TWO_STEP_OFF: ("somebody, probably you, switched two-step", "2026-01-31 08:30"),
        LetterKind.WEBHOOK_PAUSED: ("0199aaaa", "it took nothing"),
        LetterKind.MEMBERSHIP: ("let you into a workspace",),
    }
    text, html = (_content(part) for part in mail.get_payload())
    assert "Tom & Söhne" in text
    assert "Tom &amp; Söhne" in html
    for content in (text, html):
        assert "https://app.example.com/x#token=1" in content
        for detail in details.get(kind, ("1 h",)):
            assert detail in " ".join(content.split())
        assert "Subject" not in content


def _content(part: Any) -> str:
    return str(part.get_payload(decode=True).decode(part.get_content_charset()))


async def test_a_mail_that_is_sent_again_is_the_same_mail() -> None:
    async with mail_server() as server:
        for _ in range(2):
            await postman(server.url).deliver(letter(), job_id=JOB)
    assert len({mail["Message-ID"] for mail in server.mails}) == 1


async def test_an_address_in_any_script_is_written_to() -> None:
    async with mail_server() as server:
        await postman(server.url).deliver(letter("zoë@bücher.example"), job_id=JOB)
    assert len(server.mails) == 1


@pytest.mark.parametrize("answer", ["554 No", "550 This is spam"])
async def test_a_refusal_for_good_is_hopeless(answer: str) -> None:
    async with mail_server() as server:
        server.answer = answer
        with pytest.raises(HopelessError):
            await postman(server.url).deliver(letter(), job_id=JOB)


@pytest.mark.parametrize("answer", ["451 Later", "452 Full"])
async def test_a_refusal_for_now_may_be_tried_again(answer: str) -> None:
    async with mail_server() as server:
        server.answer = answer
        with pytest.raises(aiosmtplib.SMTPDataError):
            await postman(server.url).deliver(letter(), job_id=JOB)


async def test_an_address_that_is_refused_for_good_is_hopeless_and_for_now_is_not() -> None:
    async with mail_server() as server:
        server.at_recipient = "550 Nobody here"
        with pytest.raises(HopelessError, match="Nobody here"):
            await postman(server.url).deliver(letter(), job_id=JOB)
        server.at_recipient = "450 Busy"
        with pytest.raises(aiosmtplib.SMTPRecipientsRefused):
            await postman(server.url).deliver(letter(), job_id=JOB)


async def test_nobody_there_may_be_tried_again() -> None:
    async with mail_server() as server:
        url = server.url
    with pytest.raises(aiosmtplib.SMTPConnectError):
        await postman(url).deliver(letter(), job_id=JOB)


async def test_a_password_is_not_sent_in_the_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only to this machine itself; the server here cannot encrypt."""
    sent: dict[str, Any] = {}

    async def send(_message: Any, **options: Any) -> None:
        sent.update(options)

    monkeypatch.setattr(aiosmtplib, "send", send)
    for url, expected in {
        "smtp://me:p%40ss@mail.example.com": (587, "p@ss", False, True),
        "smtp://me:p%40ss@mail.example.com:25": (25, "p@ss", False, True),
        "smtps://me:secret@mail.example.com": (465, "secret", True, False),
        "smtp://mail.example.com": (587, None, False, None),
        "smtp://me:secret@localhost:2525": (2525, "secret", False, None),
    }.items():
        await postman(url).deliver(letter(), job_id=JOB)
        assert tuple(sent[key] for key in ("port", "password", "use_tls", "start_tls")) == expected


def test_the_sender_names_the_mails(settings: Settings) -> None:
    changed = settings.model_copy(update={"mail_from": "team@mail.example.org"})
    assert tools_of(changed, None).postman.domain == "mail.example.org"  # type: ignore[arg-type,attr-defined]  # it opens none
