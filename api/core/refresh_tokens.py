"""Refresh tokens: opaque to clients, used once each, and kept nowhere but as the hash of the present one.

A token names its session and has a nonce and a seal, an HMAC with the installation's secret, so that a forged one
costs no look into the database. The nonce of the first is random; each further one is derived from the token
before it. So two requests that race with one token are given the same next one, and whatever is sealed and
neither the present token nor the one just before it was used already.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

PREFIX = "tfr_"
"""What scanners for leaked secrets know it by."""

NONCE_BYTES = 16
_ID_BYTES = 16
_SEAL_BYTES = 32


class RefreshTokenError(Exception):
    """A text that is no refresh token of this installation."""


@dataclass(frozen=True)
class RefreshToken:
    """A genuine token; whether it still counts, its session says."""

    text: str
    session_id: UUID
    nonce: bytes

    @property
    def digest(self) -> bytes:
        """The hash by which the database knows it (SHA-256; it is random enough to need no salt)."""
        return hashlib.sha256(self.text.encode()).digest()


class RefreshTokens:
    """Makes and reads refresh tokens with one secret; `lifetime` is how long a session lasts without a refresh."""

    def __init__(self, secret: str, *, lifetime: timedelta) -> None:
        self._secret = secret.encode()
        self.lifetime = lifetime

    def first(self, session_id: UUID) -> RefreshToken:
        """Return the token that a new session begins with."""
        return self._make(session_id, secrets.token_bytes(NONCE_BYTES))

    def after(self, token: RefreshToken) -> RefreshToken:
        """Return the token that follows another one: always the same."""
        return self._make(token.session_id, self._mac(b"next", token.session_id.bytes + token.nonce)[:NONCE_BYTES])

    def read(self, text: str) -> RefreshToken:
        """Return the token that a client sent.

        Raises:
            RefreshTokenError: it is none of ours.
        """
        try:
            data = base64.urlsafe_b64decode(text.removeprefix(PREFIX))
        except (binascii.Error, ValueError) as error:
            raise RefreshTokenError from error
        session_id, nonce = data[:_ID_BYTES], data[_ID_BYTES : _ID_BYTES + NONCE_BYTES]
        if len(data) != _ID_BYTES + NONCE_BYTES + _SEAL_BYTES:
            raise RefreshTokenError
        genuine = self._make(UUID(bytes=session_id), nonce)
        if not hmac.compare_digest(genuine.text.encode(), text.encode()):
            raise RefreshTokenError
        return genuine

    def _make(self, session_id: UUID, nonce: bytes) -> RefreshToken:
        body = session_id.bytes + nonce
        sealed = base64.urlsafe_b64encode(body + self._mac(b"seal", body)).decode()
        return RefreshToken(PREFIX + sealed, session_id, nonce)

    def _mac(self, purpose: bytes, data: bytes) -> bytes:
        return hmac.digest(self._secret, b"twofold refresh token: " + purpose + b": " + data, "sha256")
