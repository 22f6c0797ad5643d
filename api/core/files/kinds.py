"""What bytes are: their media type, found by how they begin and never by what somebody calls them."""

import codecs
import re
from collections.abc import Mapping, Sequence

import puremagic

HEAD_BYTES = 8192
"""So much of the beginning is looked at."""

UNKNOWN = "application/octet-stream"
TEXT = "text/plain"
HTML = "text/html"

INLINE = frozenset(
    {
        TEXT,
        "image/png",
        "image/jpeg",
        "image/gif",
        "image/webp",
        "image/avif",
        "audio/mpeg",
        "audio/flac",
        "audio/wav",
        "application/ogg",
        "audio/ogg",
        "video/ogg",
        "video/mp4",
        "video/webm",
    }
)
"""What a browser shows without running anything in it. SVG, HTML and PDF may hold programs, and are for saving."""

# Names as the registry of IANA has them, for what the library calls otherwise.
_NAMES: Mapping[str, str] = {
    "image/x-ms-bmp": "image/bmp",
    "image/x-icon": "image/vnd.microsoft.icon",
    "audio/wave": "audio/wav",
    "audio/x-wav": "audio/wav",
    "application/x-gzip": "application/gzip",
}

_OFFICE = "application/vnd.openxmlformats-officedocument"
# Folders in a package, which is a ZIP archive (ECMA-376, parts 1 and 2).
_IN_ZIP: Sequence[tuple[bytes, str]] = (
    (b"word/", f"{_OFFICE}.wordprocessingml.document"),
    (b"xl/", f"{_OFFICE}.spreadsheetml.sheet"),
    (b"ppt/", f"{_OFFICE}.presentationml.presentation"),
    (b"META-INF/MANIFEST.MF", "application/java-archive"),
)
# ISO 32000-2, 7.5.2. All that follows may be text, for which the library would take it.
_PDF = b"%PDF-"
_ZIP = b"PK\x03\x04"
# The first entry of an OpenDocument file or a book says what it is, uncompressed (OpenDocument 1.3, part 2, 3.3).
_SAYS_ITSELF = re.compile(rb"PK\x03\x04.{26}mimetype(application/[a-z0-9.+-]{1,100})", re.DOTALL)

# What browsers that look inside take for a page (WHATWG, MIME Sniffing, section 7.1).
_PAGE = re.compile(
    r"\s*<(?:!DOCTYPE HTML|HTML|HEAD|SCRIPT|IFRAME|H1|DIV|FONT|TABLE|A|STYLE|TITLE|B|BODY|BR|P)[\s>]|\s*<!--",
    re.IGNORECASE,
)
_NO_TEXT = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")

_SURE = 0.5
"""From here on a guess of the library is more than two letters that happen to stand at the beginning."""

_PATTERN = re.compile(r"[a-z0-9*][a-z0-9!#$&^_.+-]*/(?:\*|[a-z0-9][a-z0-9!#$&^_.+-]*)")


def media_type_of(head: bytes) -> str:
    """Return the media type of what begins like this; `application/octet-stream` if nobody can tell."""
    if head.startswith(_ZIP):
        return _type_of_archive(head)
    if head.startswith(_PDF):
        return "application/pdf"
    text = _as_text(head)
    if text is not None and _PAGE.match(text):
        return HTML
    guesses = _guesses(head)
    best = max((sure for _, sure in guesses), default=0.0)
    named = [kind for kind, sure in guesses if kind and (sure == best or sure >= _SURE)]
    if text is not None and best < _SURE:
        return next((kind for kind in named if kind.startswith("text/") or kind == "application/json"), TEXT)
    return _NAMES.get(named[0], named[0]) if named else UNKNOWN


def is_inline(media_type: str) -> bool:
    """Return whether a browser may show it where it is, instead of saving it."""
    return media_type in INLINE


def is_pattern(pattern: str) -> bool:
    """Return whether it is a media type, `type/*` or `*/*` (RFC 9110, section 12.5.1)."""
    return _PATTERN.fullmatch(pattern) is not None and (not pattern.startswith("*") or pattern == "*/*")


def matches(media_type: str, patterns: Sequence[str]) -> bool:
    """Return whether a media type is one of these patterns."""
    main = media_type.partition("/")[0]
    return any(pattern in (media_type, f"{main}/*", "*/*") for pattern in patterns)


def _guesses(head: bytes) -> Sequence[tuple[str, float]]:
    if not head:
        return []
    try:
        return [(guess.mime_type, guess.confidence) for guess in puremagic.magic_string(head)]
    except puremagic.PureError:
        return []


def _type_of_archive(head: bytes) -> str:
    says = _SAYS_ITSELF.match(head)
    if says is not None:
        return says[1].decode()
    return next((kind for folder, kind in _IN_ZIP if folder in head), "application/zip")


def _as_text(head: bytes) -> str | None:
    """Return the beginning as text, if it is some: it may end in the middle of a letter."""
    if not head:
        return None
    coding = "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = codecs.getincrementaldecoder(coding)().decode(head)
    except UnicodeDecodeError:
        return None
    return None if _NO_TEXT.search(text) else text
