"""Tokens that travel by mail, to prove that somebody reads it.

A token is made from the id of the job that sends it, so that a mail which is sent again is the same. Neither the
job nor the database holds it: one has the id, the other a digest, and without the secret neither gives it away.
"""

import base64
import hashlib
import hmac
from uuid import UUID

from api.core.derived_keys import derived_key


class MailTokens:
    """Makes tokens with one secret."""

    def __init__(self, secret: str) -> None:
        self._key = derived_key(secret, b"mail tokens")

    def of(self, job_id: UUID) -> str:
        """Return the token of a job: 256 bits that nobody can guess, as 43 characters for a link."""
        return base64.urlsafe_b64encode(hmac.digest(self._key, job_id.bytes, "sha256")).decode().rstrip("=")


def digest_of(token: str) -> str:
    """Return what is kept of a token. It needs no salt, as there is nothing about it to guess."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
