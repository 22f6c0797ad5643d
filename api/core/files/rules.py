"""What an installation lets people upload, and where it keeps it."""

from collections.abc import Sequence
from dataclasses import dataclass

from api.core.errors import AppError, ErrorCode
from api.core.files.kinds import matches
from api.core.files.links import Links
from api.core.files.signing import Signer
from api.core.files.store import FileStore
from api.core.files.upload_tickets import UploadTickets

MAX_FILES = 100
"""Files of one upload, whatever the setting says."""

FORM_BYTES = 64 * 1024
"""So much of a form may be something else than files."""


@dataclass(frozen=True)
class FileRules:
    """The installation's way with files; sizes in bytes."""

    store: FileStore
    links: Links
    thumbnail_links: Links
    tickets: UploadTickets
    signer: Signer | None
    """Signs addresses of the bucket, if clients are to read and write there themselves."""
    max_size: int
    max_files: int
    quota: int
    media_types: Sequence[str]

    def check_length(self, announced: int | None) -> None:
        """Refuse a body that says itself that it is too large, before any of it is read.

        Raises:
            AppError: PAYLOAD_TOO_LARGE.
        """
        if announced is not None and announced > self.max_size * self.max_files + FORM_BYTES:
            raise self.too_large()

    def check_type(self, media_type: str) -> None:
        """Refuse what is none of the media types that are allowed.

        Raises:
            AppError: UNSUPPORTED_MEDIA_TYPE.
        """
        if not matches(media_type, self.media_types):
            raise AppError(
                ErrorCode.UNSUPPORTED_MEDIA_TYPE,
                f"Files of the type {media_type} are not taken here.",
                media_type=media_type,
                allowed=list(self.media_types),
            )

    def check_quota(self, used: int, more: int) -> None:
        """Refuse what a workspace that keeps `used` bytes has no room for.

        Raises:
            AppError: PAYLOAD_TOO_LARGE.
        """
        if used + more > self.quota:
            raise AppError(
                ErrorCode.PAYLOAD_TOO_LARGE,
                f"The workspace may keep {self.quota} bytes of files, the trash included, and keeps {used} already.",
                limit="workspace_quota",
                maximum=self.quota,
                used=used,
            )

    def too_large(self) -> AppError:
        """Return the refusal of a file that is too large."""
        return AppError(
            ErrorCode.PAYLOAD_TOO_LARGE,
            f"A file may have at most {self.max_size} bytes.",
            limit="file_size",
            maximum=self.max_size,
        )
