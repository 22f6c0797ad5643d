"""Links: what lets people without a token read one file for a while.

A link names the file, who lets others read it, by which API key, and until when, under a seal. Nothing of it is kept:
whether who made it may still read the file is looked up when it is used.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from api.core.files.thumbnails import Fit
from api.core.seals import SEAL_BYTES, Seals

PREFIX, THUMBNAIL_PREFIX = "tfl_", "tft_"

_NO_KEY = UUID(int=0)
_ID_BYTES, _TIME_BYTES = 16, 7
_BODY_BYTES = 3 * _ID_BYTES + _TIME_BYTES

LINK_LENGTH = len(PREFIX) + 4 * (_BODY_BYTES + SEAL_BYTES) // 3
"""Characters of what stands for a link in an address."""


@dataclass(frozen=True)
class Link:
    """A genuine link; whether it still counts, its end and the rights of its maker say."""

    file_id: UUID
    user_id: UUID
    key_id: UUID | None
    """The API key that it was made with, with which it ends."""
    expires_at: datetime
    """In whole seconds."""


class Links:
    """Makes and reads links with one secret: to files, or to their thumbnails and nothing more."""

    def __init__(self, secret: str, *, to_thumbnails: bool = False) -> None:
        purpose = (b"thumbnail links", THUMBNAIL_PREFIX) if to_thumbnails else (b"file links", PREFIX)
        self._seals = Seals(secret, *purpose)

    def address(self, link: Link) -> str:
        """Return where the file can be read with it, from the root of this server."""
        return f"/api/files/{link.file_id}/content?link={self.text(link)}"

    def thumbnail_address(self, link: Link, fit: Fit, size: int) -> str:
        """Return where a thumbnail can be read with it, from the root of this server."""
        return f"/api/files/{link.file_id}/thumbnail?w={size}&h={size}&fit={fit}&link={self.text(link)}"

    def text(self, link: Link) -> str:
        """Return what stands for it in an address."""
        ids = (link.file_id, link.user_id, link.key_id or _NO_KEY)
        end = int(link.expires_at.timestamp()).to_bytes(_TIME_BYTES, "big")
        return self._seals.seal(b"".join(one.bytes for one in ids) + end)

    def read(self, text: str) -> Link:
        """Return the link that a client sent.

        Raises:
            SealError: it is none of ours.
        """
        body = self._seals.open(text)
        file_id, user_id, key_id = (UUID(bytes=body[at : at + _ID_BYTES]) for at in range(0, 3 * _ID_BYTES, _ID_BYTES))
        end = int.from_bytes(body[3 * _ID_BYTES :], "big")
        return Link(file_id, user_id, None if key_id == _NO_KEY else key_id, datetime.fromtimestamp(end, UTC))
