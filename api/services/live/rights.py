"""Streams end when their right ends."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from api.core.actor import UserActor
from api.core.errors import AppError, forbidden, unauthenticated
from api.services.access import objection
from db.repositories import members, users
from db.repositories.users import Standing
from db.unit_of_work import ReadUnit

if TYPE_CHECKING:
    from api.services.live.streams import Stream

# Both databases take some 32,000 values in one statement; each stream brings two.
CHUNK = 10_000

LOST = "You are no longer a member of this workspace, or it was deleted."


async def end_streams(uow: ReadUnit, streams: Sequence["Stream"]) -> None:
    """End those streams whose user or membership is gone: two statements for all of them."""
    for start in range(0, len(streams), CHUNK):
        part = streams[start : start + CHUNK]
        user_ids = list({stream.user_id for stream in part})
        standings = await users.standings(uow.session, user_ids)
        belongs = await members.pairs(uow.session, user_ids, {stream.workspace_id for stream in part})
        for stream in part:
            is_member = (stream.workspace_id, stream.user_id) in belongs
            error = judge(stream.actor, standings.get(stream.user_id), is_member=is_member)
            if error is not None:
                stream.end(error)


def judge(actor: UserActor, standing: Standing | None, *, is_member: bool) -> AppError | None:
    """Return why a stream of this actor must end, or None if it may go on."""
    reason = objection(standing, actor.generation)
    if reason is not None:
        return unauthenticated(reason)
    if not is_member:
        return forbidden(LOST)
    return None
