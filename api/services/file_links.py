"""Links to files: for one file, for a while, and only while who made them may read it."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from api.core.actor import Actor, Anonymous, require_user
from api.core.errors import not_found, unauthenticated
from api.core.files.links import Link, Links
from api.core.files.rules import FileRules
from api.core.seals import SealError
from api.schemas.files import DownloadLink, DownloadLinkCreate
from api.services import auth
from api.services.files import Content, get_file, get_file_content
from api.services.items import in_trash
from db.clock import utc_now
from db.unit_of_work import ReadUnit


async def create_download_link(
    uow: ReadUnit, actor: Actor, file_id: UUID, data: DownloadLinkCreate, *, rules: FileRules
) -> DownloadLink:
    """Return a link with which anybody reads the bytes of a file, for whoever may.

    It counts until it expires, and while who made it may read the file: as a member, with the same API key if there
    is one, and while it is not in the trash.

    Raises:
        AppError: CONFLICT in the trash.
    """
    user = require_user(actor)
    file = await get_file(uow, actor, file_id)
    if file.deleted_at is not None:
        raise in_trash("file")
    expires_at = utc_now().replace(microsecond=0) + timedelta(seconds=data.expires_in)
    if user.key is not None:
        expires_at = min(expires_at, user.expires_at or expires_at)
    link = Link(file.id, user.id, user.key_id, expires_at)
    return DownloadLink(url=rules.links.address(link), expires_at=expires_at)


async def get_linked_content(uow: ReadUnit, text: str, file_id: UUID, *, links: Links) -> Content:
    """Return a file with the place of its bytes, for whoever has a link to it.

    Raises:
        AppError: UNAUTHENTICATED if the link does not count; NOT_FOUND if who made it does not see the file any more,
            or sees it in the trash.
    """
    try:
        link = links.read(text)
    except SealError:
        raise unauthenticated("The link is not valid.") from None
    if link.file_id != file_id:
        raise unauthenticated("The link is for another file.")
    if link.expires_at <= utc_now():
        raise unauthenticated("The link has expired.")
    maker = await auth.recall(uow, link.user_id, link.key_id)
    if isinstance(maker, Anonymous):
        raise unauthenticated("Who made the link may not read the file any more.")
    content = await get_file_content(uow, maker, file_id)
    if content.file.deleted_at is not None:
        raise not_found("file")
    return replace(content, by_link=True)
