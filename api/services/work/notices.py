"""The job that tells somebody of a sign-in."""

from ipaddress import ip_address
from uuid import UUID

from api.schemas.jobs import LetterKind, TellOfSignIn
from api.services.mail.letters import write_letter
from api.services.work.tools import Tools
from db.repositories import users


async def tell_of_sign_in(tools: Tools, job_id: UUID, data: TellOfSignIn) -> None:
    """Write to the owner of an account, unless it is gone or disabled meanwhile."""
    async with tools.database.read() as uow:
        user = await users.find(uow.session, data.user_id)
    if user is None or user.email is None or user.disabled:
        return
    letter = write_letter(
        LetterKind.NEW_SIGN_IN,
        user.email,
        app_name=tools.app_name,
        link=tools.public_url,
        at=f"{data.at:%Y-%m-%d %H:%M}",
        device=data.device,
        address=_shown(data.address),
    )
    await tools.postman.deliver(letter, job_id=job_id)


def _shown(address: str | None) -> str:
    """Return an address as it is shown; what a proxy took for one may be anything, and is not."""
    try:
        return str(ip_address(address or ""))
    except ValueError:
        return "an unknown address"
