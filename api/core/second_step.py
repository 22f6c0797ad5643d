"""What a second step of signing in is made of: an authenticator app's codes (RFC 6238), and recovery codes on paper.

The secret that an app shares with us must be read again to check its codes, so it is encrypted (AES-256-GCM) instead
of hashed; recovery codes are hashed. Both with keys that are made from the installation's secret: who has nothing but
the database, or a copy of it, has no second step of anybody. And both are bound to their account, so that a row which
somebody puts beside another account opens nothing.
"""

import hmac
import os
import re
import secrets
import unicodedata
from datetime import datetime
from uuid import UUID

import pyotp
import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pyotp.exceptions import OTPVerificationError

from api.core.derived_keys import derived_key

logger = structlog.get_logger("twofold.second_step")

DRIFT = 1
"""By how many steps of 30 seconds the clock of an app may differ (RFC 6238, section 5.2)."""

RECOVERY_CODES = 10
"""So many are made at once."""

_NONCE_BYTES = 12
_DIGITS = re.compile(r"[0-9]{6}")
# Crockford's: nothing in it looks like something else, and what people write instead is understood.
_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
_MISREAD = str.maketrans({"o": "0", "i": "1", "l": "1", "-": None, "–": None})
_GROUPS, _GROUP = 4, 4


class SecondStep:
    """Makes and checks secrets and codes with one key; `issuer` is how an app calls this installation."""

    def __init__(self, secret: str, *, issuer: str) -> None:
        self._vault = AESGCM(derived_key(secret, b"two-step secrets"))
        self._recovery_key = derived_key(secret, b"recovery codes")
        self._issuer = issuer

    def new_secret(self) -> str:
        """Return what an app is to share with us: 160 bits in base32, as RFC 4226, section 4 recommends."""
        return pyotp.random_base32()

    def uri(self, secret: str, account: str) -> str:
        """Return the address that is shown to an app as a QR code."""
        return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=self._issuer)

    def seal(self, secret: str, user_id: UUID) -> bytes:
        """Return what is kept of a secret."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._vault.encrypt(nonce, secret.encode(), user_id.bytes)

    def step_of(self, sealed: bytes, user_id: UUID, code: str, now: datetime) -> int | None:
        """Return the number of the time step whose code this is, if it is one of about now."""
        code = _compact(code)
        if not is_of_app(code):
            return None
        try:
            secret = self._vault.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], user_id.bytes).decode()
        except InvalidTag:
            # Nobody can sign in with it any more, and who looks after the server should know why.
            logger.error("a two-step secret cannot be read: SECRET_KEY is another one", user=str(user_id))  # noqa: TRY400 - the sentence says it
            return None
        try:
            return pyotp.TOTP(secret).verify_and_get_timecode(code, for_time=now, valid_window=DRIFT)
        except OTPVerificationError:
            return None

    def new_recovery_codes(self) -> list[str]:
        """Return codes of 80 bits each, in groups that people can copy."""
        return [
            "-".join("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))
            for _ in range(RECOVERY_CODES)
        ]

    def digest_of(self, code: str, user_id: UUID) -> bytes:
        """Return what is kept of a recovery code, however it is typed."""
        plain = _compact(code).translate(_MISREAD)
        return hmac.digest(self._recovery_key, user_id.bytes + plain.encode(errors="surrogatepass"), "sha256")


def is_of_app(code: str) -> bool:
    """Return whether a code looks like one of an app: six digits, with or without blanks; others are for recovery."""
    return _DIGITS.fullmatch(_compact(code)) is not None


def _compact(code: str) -> str:
    return "".join(unicodedata.normalize("NFKC", code).lower().split())
