"""Upload tickets: what lets whoever has one bring the bytes of one file, and nothing else.

A ticket is sealed and kept nowhere. Whether it still counts, the upload that it names says, and the rights of who
made it.
"""

from uuid import UUID

from api.core.seals import Seals

PREFIX = "tfu_"


class UploadTickets:
    """Makes and reads upload tickets with one secret."""

    def __init__(self, secret: str) -> None:
        self._seals = Seals(secret, b"upload tickets", PREFIX)

    def address(self, upload_id: UUID) -> str:
        """Return where bytes are sent with a ticket, from the root of this server."""
        return f"/api/uploads/{upload_id}?ticket={self._seals.seal(upload_id.bytes)}"

    def read(self, ticket: str) -> UUID:
        """Return the id of the upload that a ticket is for.

        Raises:
            SealError: it is none of ours.
        """
        return UUID(bytes=self._seals.open(ticket))
