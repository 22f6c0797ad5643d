"""Telling people by mail of a sign-in with a device that they did not use before: it may be somebody else's."""

from datetime import timedelta

from api.core.actor import Actor
from api.core.addresses import network_of
from api.core.devices import device_in_words
from api.schemas.jobs import TellOfSignIn
from api.services.jobs import enqueue
from db.clock import utc_now
from db.models import User
from db.repositories import security_events
from db.unit_of_work import UnitOfWork

REMEMBERED = timedelta(days=90)
"""So long a device is known after its last sign-in."""

LOOKED_AT = 100
"""Sign-ins that are compared at most, the last ones."""

MOST_PER_HOUR = 5
"""After so many sign-ins within an hour the mails stop: who has the password must not be able to fill a mailbox."""


async def tell_of_new_device(uow: UnitOfWork, actor: Actor, user: User) -> None:
    """Promise a mail if the actor, who just proved to be this user, calls with what is not known.

    A device is a kind of program from a network, as the security log has them; a program alone would be that of half
    the world. The first sign-in of all is told nobody, nor is anything an address that nobody proved to read.
    """
    if user.email_verified_at is None:
        return
    now = utc_now()
    earlier = await security_events.sign_ins(uow.session, user.id, since=now - REMEMBERED, limit=LOOKED_AT)
    known = {_device(one.device, one.address) for one in earlier}
    lately = sum(one.at > now - timedelta(hours=1) for one in earlier)
    if not known or _device(actor.device, actor.address) in known or lately >= MOST_PER_HOUR:
        return
    work = TellOfSignIn(user_id=user.id, at=now, device=device_in_words(actor.device), address=actor.address)
    await enqueue(uow, work)


def _device(device: str | None, address: str | None) -> tuple[str, str]:
    return device_in_words(device), network_of(address or "")
