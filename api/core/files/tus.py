"""What tus 1.0 (https://tus.io/protocols/resumable-upload) says in headers."""

import base64
import binascii
import re
from collections.abc import Mapping

from api.core.errors import AppError, ErrorCode, invalid

VERSION = "1.0.0"
EXTENSIONS = ("creation", "checksum", "expiration", "termination")
ALGORITHMS = ("sha1", "sha256", "sha512", "md5")
"""Checksums of a request, as `hashlib` knows them, too; the protocol wants the first."""

RESUMABLE = "Tus-Resumable"
OFFSET_TYPE = "application/offset+octet-stream"
MAX_METADATA = 8192

_KEY = re.compile(r"[!-+\--~]+")


def read_metadata(text: str | None) -> Mapping[str, str]:
    """Return what `Upload-Metadata` says; a key may stand without a value.

    Raises:
        AppError: VALIDATION_ERROR if it is not written as the protocol has it.
    """
    found: dict[str, str] = {}
    for pair in (text or "").split(",") if text else ():
        key, _, value = pair.strip().partition(" ")
        try:
            meaning = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, ValueError):
            raise _wrong("Upload-Metadata", "Each value must be UTF-8 in base64") from None
        if not _KEY.fullmatch(key) or key in found:
            raise _wrong("Upload-Metadata", "It must be keys, each once, with values in base64, separated by commas")
        found[key] = meaning
    return found


def read_checksum(text: str) -> tuple[str, bytes]:
    """Return the algorithm and the digest that `Upload-Checksum` says.

    Raises:
        AppError: BAD_REQUEST, as the protocol has it, if it is another algorithm or no digest of it.
    """
    algorithm, _, value = text.strip().partition(" ")
    if algorithm not in ALGORITHMS:
        raise AppError(ErrorCode.BAD_REQUEST, f"Upload-Checksum must be by one of {', '.join(ALGORITHMS)}.")
    try:
        return algorithm, base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise AppError(ErrorCode.BAD_REQUEST, "Upload-Checksum must have a checksum in base64.") from None


def other_version() -> AppError:
    """Return the refusal of a client that speaks another version, or does not say which."""
    return AppError(ErrorCode.PRECONDITION_FAILED, f"Send {RESUMABLE}: {VERSION}.", tus_version=VERSION)


def _wrong(name: str, problem: str) -> AppError:
    return invalid([(name, problem)])
