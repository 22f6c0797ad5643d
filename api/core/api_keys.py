"""The text of API keys: a prefix and a checksum by which anybody recognises one, and a secret in between.

`twofold_`, 30 random letters and digits, and 6 more: the CRC-32 of those 30 in base 62, most significant first and
filled up with zeros. So whoever looks for leaked secrets finds a key by its looks and can tell it from what merely
looks alike, and what is none is refused without a look into the database. The checksum keeps no secret; the 30
characters do, 178 bits of them.
"""

import hashlib
import re
import secrets
import string
import zlib
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from db.models import KeyAccess

PREFIX = "twofold_"
"""How every key begins."""

SECRET_LETTERS = 30
CHECK_LETTERS = 6
SHOWN_LETTERS = 4
"""How many letters of the secret are kept as they are; the others are as many as a key of 154 bits has."""

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SHAPE = re.compile(rf"{PREFIX}([0-9A-Za-z]{{{SECRET_LETTERS}}})([0-9A-Za-z]{{{CHECK_LETTERS}}})")


@dataclass(frozen=True)
class KeyGrant:
    """What an actor is left with that calls by an API key, which is its user with less."""

    id: UUID
    access: KeyAccess
    # The one workspace that it is for; None is all of its user's.
    workspace_id: UUID | None = None
    # When it was noted last that it is used, as far as that is known here.
    last_used_at: datetime | None = field(default=None, compare=False)


def make_key() -> str:
    """Return a new key."""
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(SECRET_LETTERS))
    return f"{PREFIX}{secret}{checksum(secret)}"


def is_genuine(text: str) -> bool:
    """Return whether a text has the shape and the checksum of a key; whether it counts, the database says."""
    found = _SHAPE.fullmatch(text)
    return found is not None and checksum(found[1]) == found[2]


def checksum(secret: str) -> str:
    """Return the six characters that follow a secret."""
    number, digits = zlib.crc32(secret.encode()), ""
    while number:
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits.rjust(CHECK_LETTERS, _ALPHABET[0])


def start_of(key: str) -> str:
    """Return what is shown of a key once it is made: enough to tell which one turned up, and of no use."""
    return key[: len(PREFIX) + SHOWN_LETTERS]


def digest_of(key: str) -> bytes:
    """Return what is kept of a key (SHA-256): it is random enough to need no salt, and nothing slower."""
    return hashlib.sha256(key.encode()).digest()
