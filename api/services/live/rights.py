"""Streams end when their right ends."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from api.core.actor import UserActor
from api.core.errors import AppError, forbidden, unauthenticated
from db.models import User
from db.repositories import members, users
from db.unit_of_work import ReadUnit

if TYPE_CHECKING:
    from api.services.live.streams import Stream

# Both databases take some 32,000 values in one statement.
CHUNK = 10_000

LOST = "You are no longer a member of this workspace."


async def end_streams(uow: ReadUnit, streams: Sequence["Stream"]) -> None:
    """End those streams whose user or membership is gone: two statements for all of them."""
    user_ids = list({stream.user_id for stream in streams})
    found: dict[UUID, User] = {}
    belongs: set[tuple[UUID, UUID]] = set()
    for start in range(0, len(user_ids), CHUNK):
        part = user_ids[start : start + CHUNK]
        found |= {user.id: user for user in await users.find_many(uow.session, part)}
        belongs |= await members.pairs(uow.session, part, {stream.workspace_id for stream in streams})
    for stream in streams:
        error = judge(stream.actor, found.get(stream.user_id), (stream.workspace_id, stream.user_id) in belongs)
        if error is not None:
            stream.end(error)


def judge(actor: UserActor, user: User | None, is_member: bool) -> AppError | None:
    """Return why a stream of this actor must end, or None if it may go on."""
    if user is None or user.deleted_at is not None:
        return unauthenticated("The account no longer exists.")
    if user.disabled:
        return unauthenticated("The account is disabled.")
    if user.token_generation != actor.generation:
        return unauthenticated("The access token was ended by a change of password. Sign in again.")
    if not is_member:
        return forbidden(LOST)
    return None
