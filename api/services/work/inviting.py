"""The job that sends the letter of an invitation."""

from uuid import UUID

import structlog

from api.core.mail_tokens import digest_of
from api.schemas.jobs import LetterKind, SendInvitation
from api.services import access
from api.services.mail.letters import write_letter
from api.services.work.tools import Tools
from db.models import Invitation
from db.repositories import invitations

logger = structlog.get_logger("twofold.mail")

PAGE = "invitation"


async def send_invitation(tools: Tools, job_id: UUID, data: SendInvitation) -> None:
    """Note the token of the letter, write the letter, and hand it to the postman.

    If the invitation ended, or was renewed and so has another letter, there is nothing to send.
    """
    token = tools.tokens.of(job_id)
    async with tools.database.write() as uow:
        await access.enter_invited(uow, invitations.workspace_of(data.invitation_id))
        invitation = await invitations.find_open(uow.session, data.invitation_id)
        if invitation is None or invitation.letter_id != job_id:
            logger.info("nobody to write to", job=str(job_id), letter=LetterKind.INVITATION)
            return
        invitation.digest = digest_of(token)
        await uow.session.flush()
    letter = write_letter(
        LetterKind.INVITATION,
        invitation.email,
        app_name=tools.app_name,
        link=tools.link(PAGE, token),
        until=_in_words(invitation),
    )
    await tools.postman.deliver(letter, job_id=job_id)


def _in_words(invitation: Invitation) -> str:
    moment = invitation.expires_at
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"
