"""Sealed texts: bytes with an HMAC of the installation's secret, that clients keep and cannot make.

A forged one costs no look into the database, and who reads the database cannot make one of what stands there.
"""

import base64
import binascii
import hmac

from api.core.derived_keys import derived_key

SEAL_BYTES = 32


class SealError(Exception):
    """A text that was not sealed here."""


class Seals:
    """Seals bytes for one purpose; `prefix` is what scanners for leaked secrets know the texts by."""

    def __init__(self, secret: str, purpose: bytes, prefix: str) -> None:
        self._key = derived_key(secret, purpose)
        self._prefix = prefix

    def seal(self, body: bytes) -> str:
        """Return the text for some bytes, which may stand in an address if they are one more than a multiple of 3."""
        return self._prefix + base64.urlsafe_b64encode(body + hmac.digest(self._key, body, "sha256")).decode()

    def open(self, text: str) -> bytes:
        """Return the bytes of a text.

        Raises:
            SealError: it was not sealed here, or not for this, or is not written as it was.
        """
        try:
            body = base64.urlsafe_b64decode(text.removeprefix(self._prefix))[:-SEAL_BYTES]
        except (binascii.Error, ValueError) as error:
            raise SealError from error
        if not hmac.compare_digest(self.seal(body).encode(), text.encode(errors="surrogatepass")):
            raise SealError
        return body
