"""Challenges: what whoever gave the right password hands in together with the second step.

A challenge names its row and its account, under a seal: a forged one costs no attempt of anybody.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from api.core.seals import Seals

PREFIX = "tfc_"
"""What scanners for leaked secrets know it by."""

LIFETIME = timedelta(minutes=5)
"""Long enough to look for the phone."""

_ID_BYTES = 16


@dataclass(frozen=True)
class Challenge:
    """A genuine challenge; whether it still counts, its row says."""

    text: str
    id: UUID
    user_id: UUID


class Challenges:
    """Makes and reads challenges with one secret."""

    def __init__(self, secret: str) -> None:
        self._seals = Seals(secret, b"challenges", PREFIX)

    def of(self, challenge_id: UUID, user_id: UUID) -> Challenge:
        """Return the challenge that belongs to a row."""
        return Challenge(self._seals.seal(challenge_id.bytes + user_id.bytes), challenge_id, user_id)

    def read(self, text: str) -> Challenge:
        """Return the challenge that a client sent.

        Raises:
            SealError: it is none of ours.
        """
        body = self._seals.open(text)
        return Challenge(text, UUID(bytes=body[:_ID_BYTES]), UUID(bytes=body[_ID_BYTES:]))
