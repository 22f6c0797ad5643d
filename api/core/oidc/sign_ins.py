"""What whoever begins to sign in with the provider keeps until the provider sends it back.

It is a text for the browser that began, and for nobody else: never part of an address, so that neither the provider
nor a log knows it. It names the sign-in, its end and the address to come back to, and has a seal, an HMAC with the
installation's secret. All that the protocol wants of it is made from it with other keys: `state`, `nonce` and the
verifier of PKCE. So beginning costs the database nothing, a forged one costs it nothing either, and whoever gets
somebody else to open the address at which a sign-in of their own ends has a `state` that fits nothing in that browser
(login CSRF: RFC 9700, section 4.7). That it counts once is a row that is written when it is used.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from api.core.derived_keys import derived_key
from api.core.seals import SealError, Seals

PREFIX = "tfo_"
"""What scanners for leaked secrets know it by."""

LIFETIME = timedelta(minutes=10)
"""Long enough to sign in at the provider, with a second step there."""

_ID, _MOMENT, _PLACE = 16, 8, 16


class SignInError(Exception):
    """A text that is no sign-in of this installation, or one that has expired."""


@dataclass(frozen=True)
class SignIn:
    """A genuine sign-in that has not expired; whether it was used, its row says."""

    text: str
    id: UUID
    expires_at: datetime
    place: bytes
    """A digest of the address to come back to."""
    state: str
    nonce: str
    verifier: str
    """Of PKCE (RFC 7636, section 4.1): 256 bits in 43 characters."""


class SignIns:
    """Makes and reads sign-ins with one secret."""

    def __init__(self, secret: str) -> None:
        self._seals = Seals(secret, b"oidc seal", PREFIX)
        self._state, self._nonce, self._verifier = (
            derived_key(secret, f"oidc {purpose}".encode()) for purpose in ("state", "nonce", "verifier")
        )

    def begin(self, sign_in_id: UUID, redirect_uri: str, now: datetime) -> SignIn:
        """Return a new sign-in."""
        return self._of(sign_in_id, int((now + LIFETIME).timestamp()), place_of(redirect_uri))

    def read(self, text: str, now: datetime) -> SignIn:
        """Return the sign-in that a client kept.

        Raises:
            SignInError: it is none of ours, or has expired.
        """
        try:
            body = self._seals.open(text)
        except SealError as error:
            raise SignInError from error
        expires = int.from_bytes(body[_ID : _ID + _MOMENT])
        sign_in = self._of(UUID(bytes=body[:_ID]), expires, body[_ID + _MOMENT :])
        if sign_in.expires_at <= now:
            raise SignInError
        return sign_in

    def _of(self, sign_in_id: UUID, expires: int, place: bytes) -> SignIn:
        text = self._seals.seal(sign_in_id.bytes + expires.to_bytes(_MOMENT) + place)
        state, nonce, verifier = (
            _text(hmac.digest(key, text.encode(), "sha256")) for key in (self._state, self._nonce, self._verifier)
        )
        return SignIn(text, sign_in_id, datetime.fromtimestamp(expires, UTC), place, state, nonce, verifier)


def place_of(redirect_uri: str) -> bytes:
    """Return what a sign-in remembers of the address to come back to."""
    return hashlib.blake2b(redirect_uri.encode(), digest_size=_PLACE).digest()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
