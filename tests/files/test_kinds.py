"""What bytes are taken for, and what ranges mean where nobody else is there to compare with."""

import signal
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO

import pytest

from api.core.files.kinds import HEAD_BYTES, UNKNOWN, is_inline, is_pattern, matches, media_type_of
from api.core.files.ranges import UnsatisfiableError, Validators, parse

LIMIT_SECONDS = 20


def archive(*names: str, first: bytes = b"") -> bytes:
    """Return a ZIP archive; with `first` it says itself what it is."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        if first:
            file.writestr("mimetype", first)
        for name in names:
            file.writestr(name, "x")
    return buffer.getvalue()


OFFICE = "application/vnd.openxmlformats-officedocument"

BYTES: dict[str, list[bytes]] = {
    UNKNOWN: [b"", b"\x00\x01\x02\x03", b"\x80\x81 text", b"\x7fELF\x02\x01\x01\x00"],
    "application/vnd.microsoft.portable-executable": [b"MZ\x90\x00\x03"],
    "text/plain": [
        b"x", b"Sow in March.\n", "Säen".encode(), "Säen".encode()[:-1] + b"\xc3", b"\xef\xbb\xbfx",
        "Säen".encode("utf-16"),
        b"# HTML\n<p>in Markdown</p>", b"BM is no bitmap", b"a <script>", b"\x1b[31mred\x1b[0m",
    ],
    "text/html": [b"<!DOCTYPE html>", b"\n <HTML>", b"<script >", b"<!-- x", b"<a href=x>", "<html>".encode("utf-16")],
    "image/svg+xml": [b"<svg xmlns='http://www.w3.org/2000/svg'/>"],
    "application/pdf": [b"%PDF-1.7\n", b"%PDF-1.4\n1 0 obj\n<</Type/Catalog>>"],
    "image/png": [b"\x89PNG\r\n\x1a\n" + b"\x00" * 8],
    "image/jpeg": [b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01"],
    "image/gif": [b"GIF89a" + b"\x01\x00" * 4, b"GIF89a/*<html>*/"],
    "image/webp": [b"RIFF\x24\x00\x00\x00WEBPVP8 \x18\x00\x00\x00"],
    "application/zip": [archive("a.txt"), b"PK\x03\x04" + b"\x00" * 30],
    f"{OFFICE}.wordprocessingml.document": [archive("[Content_Types].xml", "word/document.xml")],
    f"{OFFICE}.spreadsheetml.sheet": [archive("xl/workbook.xml")],
    "application/java-archive": [archive("META-INF/MANIFEST.MF")],
    "application/epub+zip": [archive("a", first=b"application/epub+zip")],
    "application/vnd.oasis.opendocument.text": [archive("a", first=b"application/vnd.oasis.opendocument.text")],
    "application/gzip": [b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"],
}  # fmt: skip


@pytest.mark.parametrize("media_type", BYTES)
def test_bytes_are_what_they_begin_with(media_type: str) -> None:
    assert [media_type_of(content[:HEAD_BYTES]) for content in BYTES[media_type]] == [media_type] * len(
        BYTES[media_type]
    )


def test_what_may_hold_a_program_is_never_shown() -> None:
    for media_type in ("text/html", "image/svg+xml", "application/xml", "application/pdf", "text/xml", UNKNOWN):
        assert not is_inline(media_type)
    assert is_inline("image/png")


def test_patterns_are_media_types_and_what_stands_for_several() -> None:
    for pattern in ("*/*", "image/*", "image/png", "application/vnd.a+b"):
        assert is_pattern(pattern)
    for text in ("", "image", "*", "*/png", "image/", "/png", "image/png; q=1", "image/p*", "Image/png"):
        assert not is_pattern(text)
    assert matches("image/png", ["text/plain", "image/*"])
    assert not matches("image/png", ["text/*", "image/jpeg", "imag/*"])


@contextmanager
def in_time() -> Iterator[None]:
    """Fail where a text that grows makes the work grow much faster."""

    def too_late(_number: int, _frame: object) -> None:
        raise TimeoutError("it is not at its end")

    before = signal.signal(signal.SIGALRM, too_late)
    signal.alarm(LIMIT_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("text", ["1-{}x", "{}x", "-{}x", "1{}-{}x", "1-2{}x", "{}1"])
def test_blanks_in_a_range_cost_as_much_as_there_are(text: str) -> None:
    with in_time(), pytest.raises(UnsatisfiableError):
        parse("bytes=" + text.replace("{}", " " * 1_000_000), 100)


def test_a_moment_in_a_header_may_be_nonsense() -> None:
    state = Validators('"x"', datetime(2026, 3, 1, 12, 0, 0, 999_999, tzinfo=UTC))
    assert state.last_modified == "Sun, 01 Mar 2026 12:00:00 GMT"
    for nonsense in ("", "x", "0", "Mon, 32 Foo 2026 99:99:99 GMT", "Sun, 01 Mar 99999 12:00:00 GMT", "\x00" * 100):
        assert state.is_wanted_state(None, nonsense)
        assert not state.is_known(None, nonsense)
        assert not state.allow_range(nonsense or "x")
    assert state.is_known(None, "Sun, 01 Mar 2026 12:00:00 GMT")
    assert state.is_known(None, "Sun, 01 Mar 2026 13:00:00 +0100")
