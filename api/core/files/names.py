"""Names of files: what is left of one that comes with an upload, and how one is said to a browser."""

import re
from urllib.parse import quote

from db.models.files import MAX_NAME

FALLBACK = "file"

# Control characters; what turns the order of the letters that follow, so that `fdp.exe` is read as `exe.pdf` (Unicode
# Standard Annex 9, section 2); and separators of lines.
UNWANTED = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_SEPARATORS = re.compile(r"[/\\]")
_MAX_ENDING = 32

# Characters of a value that need no escape in `filename*` (RFC 8187, section 3.2.1: attr-char).
_ATTR_CHARS = "!#$&+-.^_`|~"


def clean(name: str) -> str:
    """Return what may be kept of a name that a client sends with bytes: the last part of a path, made harmless.

    Never empty, never a path, and at most 255 bytes long, as file systems have it; its ending is kept.
    """
    name = UNWANTED.sub("", _SEPARATORS.split(name)[-1]).strip()
    return FALLBACK if name in ("", ".", "..") else _shortened(name)


def problem_of(name: str) -> str | None:
    """Return what is wrong with a name that somebody chose, if something is."""
    if UNWANTED.search(name) or _SEPARATORS.search(name):
        return "It must not contain slashes, control characters, or marks that turn the direction of writing"
    if name in ("", ".", "..") or not name.strip():
        return "It must be a name"
    if len(name.encode()) > MAX_NAME:
        return f"It must have at most {MAX_NAME} bytes in UTF-8"
    return None


def disposition(name: str, *, inline: bool) -> str:
    """Return a `Content-Disposition` (RFC 6266) that any client understands, whatever the name.

    `filename` has what ASCII can say; `filename*` the name as it is (RFC 8187), and who knows it prefers it.
    """
    kind = "inline" if inline else "attachment"
    plain = re.sub(r"[^ -~]|[\"\\%]", "_", name)
    value = f'{kind}; filename="{plain}"'
    return value if plain == name else f"{value}; filename*=UTF-8''{quote(name, safe=_ATTR_CHARS)}"


def _shortened(name: str) -> str:
    if len(name.encode()) <= MAX_NAME:
        return name
    stem, dot, ending = name.rpartition(".")
    end = f"{dot}{ending}".encode()
    if not stem or len(end) > _MAX_ENDING:
        stem, end = name, b""
    return stem.encode()[: MAX_NAME - len(end)].decode(errors="ignore").rstrip() + end.decode()
