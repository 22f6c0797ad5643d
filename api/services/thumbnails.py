"""Thumbnails of files: where they are, and for whom. The job that makes them is in `work.shrinking`."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from api.core.actor import Actor, require_user
from api.core.errors import invalid, not_found
from api.core.files.links import Link
from api.core.files.rules import FileRules
from api.core.files.store import Key
from api.core.files.thumbnails import Fit, Thumbnail, is_picture, name_of
from api.schemas.files import check_size
from api.services.file_links import get_linked_content
from api.services.files import get_file
from db.clock import utc_now
from db.models import File
from db.repositories import thumbnails
from db.unit_of_work import ReadUnit

TRIES, BETWEEN_SECONDS = 20, 0.25
"""How often thumbnails are looked for that may be in the making, and how long is waited in between."""


@dataclass(frozen=True)
class ThumbnailContent:
    """A thumbnail, and where its bytes are."""

    key: Key
    part: Thumbnail
    name: str
    """Which no other bytes ever have."""
    made_at: datetime


def thumbnail_url(actor: Actor, file: File, fit: Fit, size: int, *, rules: FileRules) -> str | None:
    """Return where a thumbnail is, for pages that send no token; None of what is no picture.

    It counts as a link of `create_download_link` does, for one to two hours, and leads to nothing but thumbnails.
    Within an hour it is the same, so that a browser that has the picture asks no more.

    Raises:
        AppError: VALIDATION_ERROR for a size that there is not.
    """
    try:
        check_size(size)
    except ValueError as error:
        raise invalid([("size", str(error))]) from None
    user = require_user(actor)
    if not is_picture(file.media_type, file.size):
        return None
    expires_at = utc_now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=2)
    link = Link(file.id, user.id, user.key_id, expires_at)
    return rules.thumbnail_links.thumbnail_address(link, fit, size)


async def get_thumbnail(
    uow: ReadUnit, actor: Actor, file_id: UUID, fit: Fit, size: int, *, link: str | None = None, rules: FileRules
) -> ThumbnailContent:
    """Return a thumbnail, for whoever may see the file or has a link to its thumbnails.

    Of a picture that has just come it is waited for, a few seconds.

    Raises:
        AppError: as `get_linked_content`; NOT_FOUND if there is none, and none can be made.
    """
    if link is None:
        file = await get_file(uow, actor, file_id)
    else:
        file = (await get_linked_content(uow, link, file_id, links=rules.thumbnail_links)).file
    if not is_picture(file.media_type, file.size):
        raise not_found("thumbnail")
    tries = 0
    while (made := await thumbnails.find(uow.session, file.blob_id)) is None:
        # Who waits holds no connection.
        await uow.session.release()
        tries += 1
        if tries > TRIES:
            raise not_found("thumbnail")
        await asyncio.sleep(BETWEEN_SECONDS)
    part = made.parts.get(name_of(fit, size))
    if made.stored_id is None or part is None:
        raise not_found("thumbnail")
    name = f"{made.stored_id.hex}-{name_of(fit, size)}"
    return ThumbnailContent(Key(made.workspace_id, made.stored_id), Thumbnail(**part), name, made.created_at)
