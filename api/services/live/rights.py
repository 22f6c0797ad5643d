"""Streams end when their right ends."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from api.core.actor import UserActor
from api.core.errors import AppError, forbidden, unauthenticated
from api.services.access import KEY_ENDED, objection
from db.repositories import members, users
from db.repositories.users import Standing
from db.unit_of_work import ReadUnit

if TYPE_CHECKING:
    from api.services.live.streams import Stream

LOST = "You are no longer a member of this workspace, or it was deleted."
EXPIRED = "The access token has expired. Refresh the session, or sign in again."


async def end_streams(uow: ReadUnit, streams: Sequence["Stream"]) -> None:
    """End those streams whose user, session, API key or membership is gone: two statements for all of them."""
    callers = {stream: stream.caller for stream in streams}
    standings = await users.standings(uow.session, set(callers.values()))
    needed = {stream: stream.membership for stream in streams}
    belongs = await members.existing(uow.session, {one for one in needed.values() if one is not None})
    for stream, caller in callers.items():
        is_member = needed[stream] is None or needed[stream] in belongs
        error = judge(stream.actor, standings.get(caller), is_member=is_member)
        # Of a stream that was renewed meanwhile nothing was asked yet.
        if error is not None and stream.caller == caller:
            stream.end(error)


def judge(actor: UserActor, standing: Standing | None, *, is_member: bool) -> AppError | None:
    """Return why a stream of this actor must end, or None if it may go on."""
    reason = objection(standing, by_key=actor.key is not None)
    if reason is not None:
        return unauthenticated(reason)
    if not is_member:
        return forbidden(LOST)
    return expiry(actor)


def expiry(actor: UserActor) -> AppError | None:
    """Return the error if the actor's token or API key has expired."""
    if actor.expires_at is not None and datetime.now(UTC) >= actor.expires_at:
        return unauthenticated(EXPIRED if actor.key is None else KEY_ENDED)
    return None
