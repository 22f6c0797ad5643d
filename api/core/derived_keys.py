"""Keys that are made from the installation's secret."""

import hashlib


def derived_key(secret: str, purpose: bytes) -> bytes:
    """Return the 256 bits for a purpose: one for each, so that nothing made for one can ever pass for another.

    The purpose, of 16 bytes at most, is the personalization of BLAKE2 (RFC 7693, section 2.8).
    """
    return hashlib.blake2b(secret.encode(), digest_size=32, person=purpose).digest()
