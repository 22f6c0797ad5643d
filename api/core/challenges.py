"""Challenges: what whoever gave the right password hands in together with the second step.

A challenge names its row and its account and has a seal, an HMAC with the installation's secret: a forged one costs
no look into the database and no attempt of anybody, and who reads the database cannot make one of a row.
"""

import base64
import binascii
import hmac
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from api.core.derived_keys import derived_key

PREFIX = "tfc_"
"""What scanners for leaked secrets know it by."""

LIFETIME = timedelta(minutes=5)
"""Long enough to look for the phone."""

_ID_BYTES = 16
_SEAL_BYTES = 32


class ChallengeError(Exception):
    """A text that is no challenge of this installation."""


@dataclass(frozen=True)
class Challenge:
    """A genuine challenge; whether it still counts, its row says."""

    text: str
    id: UUID
    user_id: UUID


class Challenges:
    """Makes and reads challenges with one secret."""

    def __init__(self, secret: str) -> None:
        self._key = derived_key(secret, b"challenges")

    def of(self, challenge_id: UUID, user_id: UUID) -> Challenge:
        """Return the challenge that belongs to a row."""
        body = challenge_id.bytes + user_id.bytes
        sealed = base64.urlsafe_b64encode(body + hmac.digest(self._key, body, "sha256")).decode()
        return Challenge(PREFIX + sealed, challenge_id, user_id)

    def read(self, text: str) -> Challenge:
        """Return the challenge that a client sent.

        Raises:
            ChallengeError: it is none of ours.
        """
        try:
            data = base64.urlsafe_b64decode(text.removeprefix(PREFIX))
        except (binascii.Error, ValueError) as error:
            raise ChallengeError from error
        if len(data) != 2 * _ID_BYTES + _SEAL_BYTES:
            raise ChallengeError
        genuine = self.of(UUID(bytes=data[:_ID_BYTES]), UUID(bytes=data[_ID_BYTES : 2 * _ID_BYTES]))
        if not hmac.compare_digest(genuine.text.encode(), text.encode(errors="surrogatepass")):
            raise ChallengeError
        return genuine
