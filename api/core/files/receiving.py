"""A file on its way into the store: measured, summed up and looked at while it passes, and kept nowhere else."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from uuid import UUID

from api.core.errors import invalid
from api.core.files.kinds import HEAD_BYTES, media_type_of
from api.core.files.rules import FileRules
from api.core.files.store import Key

PIECE_BYTES = 256 * 1024
"""So much is handed to the store at once: each time costs about the same."""


@dataclass(frozen=True)
class Received:
    """What the store has now."""

    blob_id: UUID
    size: int
    sha256: str
    media_type: str


@dataclass
class _Passing:
    """What is known of a file while its bytes pass."""

    rules: FileRules
    used: int
    """Bytes that the workspace keeps already."""
    size: int = 0
    media_type: str = ""
    _sum: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    @property
    def sha256(self) -> str:
        return self._sum.hexdigest()

    async def pieces(self, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """Yield the file in larger pieces, and nothing of what is refused."""
        async for piece in in_pieces(self._counted(chunks)):
            yield await self._seen(piece)

    async def _counted(self, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        async for chunk in chunks:
            self.size += len(chunk)
            if self.size > self.rules.max_size:
                raise self.rules.too_large()
            self.rules.check_quota(self.used, self.size)
            yield chunk

    async def _seen(self, piece: bytes) -> bytes:
        if not self.media_type:
            self.media_type = media_type_of(piece[:HEAD_BYTES])
            self.rules.check_type(self.media_type)
        # In a thread: all others would wait for it, piece by piece.
        await asyncio.to_thread(self._sum.update, piece)
        return piece


async def in_pieces(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Yield bytes in larger pieces, at least one, which is empty if there are none."""
    piece = bytearray()
    async for chunk in chunks:
        piece += chunk
        if len(piece) >= PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece)


async def receive(
    chunks: AsyncIterator[bytes], key: Key, rules: FileRules, *, used: int, expected_sum: str | None
) -> Received:
    """Put a file into the store under a key.

    Args:
        chunks: its bytes as they arrive.
        key: nothing is there yet.
        rules: what is allowed.
        used: bytes that the workspace keeps already.
        expected_sum: its SHA-256, if the client told it.

    Raises:
        AppError: PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, or VALIDATION_ERROR for another checksum; nothing is
            left in the store then. UNAVAILABLE if the store is.
    """
    passing = _Passing(rules, used)
    await rules.store.put(key, passing.pieces(chunks), most=rules.max_size)
    received = Received(key.blob_id, passing.size, passing.sha256, passing.media_type)
    if expected_sum not in (None, received.sha256):
        await rules.store.delete([key])
        raise invalid([("sha256", f"It is not the checksum of what arrived, which is {received.sha256}")])
    return received
