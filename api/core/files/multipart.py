"""Forms with files (`multipart/form-data`, RFC 7578), read as they arrive: nothing of a file is kept here."""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from api.core.errors import AppError, ErrorCode, invalid

MEDIA_TYPE = "multipart/form-data"

MAX_FIELD_BYTES = 1024
"""Bytes of a field that is no file: an id or a checksum."""

MAX_FIELDS = 100
MAX_HEADERS = 8
MAX_HEADER_BYTES = 16 * 1024

Headers = dict[bytes, bytes]


@dataclass
class Part:
    """A part of a form. What it holds is read before the next part is asked for, or it is skipped."""

    name: str
    filename: str | None
    media_type: str | None
    chunks: AsyncIterator[bytes]

    async def text(self) -> str:
        """Return a field's value.

        Raises:
            AppError: PAYLOAD_TOO_LARGE; VALIDATION_ERROR if it is no text.
        """
        value = b""
        async for chunk in self.chunks:
            value += chunk
            if len(value) > MAX_FIELD_BYTES:
                raise _too_large(f"The field {self.name[:50]} is too long.")
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise invalid([(self.name, "It must be written in UTF-8")]) from error


@dataclass
class _Reader:
    """What the parser has found and nobody has asked for yet: heads of parts, bytes of them, and their ends (None)."""

    found: deque[Headers | bytes | None] = field(default_factory=deque)
    is_complete: bool = False
    _headers: Headers = field(default_factory=dict)
    _name: bytes = b""
    _value: bytes = b""

    def parser(self, boundary: bytes) -> MultipartParser:
        """Return the parser that tells this reader."""
        callbacks: Any = {
            "on_part_begin": self._begin,
            "on_header_field": self._add_name,
            "on_header_value": self._add_value,
            "on_header_end": self._end_header,
            "on_headers_finished": lambda: self.found.append(self._headers),
            "on_part_data": lambda data, start, end: self.found.append(data[start:end]),
            "on_part_end": lambda: self.found.append(None),
            "on_end": self._complete,
        }
        return MultipartParser(boundary, callbacks, max_header_count=MAX_HEADERS, max_header_size=MAX_HEADER_BYTES)

    def _begin(self) -> None:
        self._headers = {}

    def _add_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def _complete(self) -> None:
        self.is_complete = True


async def parts(body: AsyncIterator[bytes], content_type: str | None, *, max_files: int) -> AsyncGenerator[Part, None]:
    """Yield the parts of a form in their order.

    Args:
        body: the bytes of the form as they arrive.
        content_type: the header of that name, which says where parts end.
        max_files: so many parts with a file name there may be.

    Raises:
        AppError: UNSUPPORTED_MEDIA_TYPE if it is no form; BAD_REQUEST if it is a broken one, or ends early;
            PAYLOAD_TOO_LARGE for too many parts.
    """
    async with aclosing(_events(body, _boundary(content_type))) as events:
        files = fields = 0
        async for head in events:
            if not isinstance(head, dict):
                # The rest of a part that nobody wanted.
                continue
            part = _part(head, _chunks(events))
            files, fields = (files, fields + 1) if part.filename is None else (files + 1, fields)
            if files > max_files:
                raise _too_large(f"At most {max_files} files may be sent at once.", limit="files", maximum=max_files)
            if fields > MAX_FIELDS:
                raise _too_large(f"The form has more than {MAX_FIELDS} fields.")
            yield part


async def _events(body: AsyncIterator[bytes], boundary: bytes) -> AsyncGenerator[Headers | bytes | None, None]:
    reader = _Reader()
    try:
        parser = reader.parser(boundary)
        async for chunk in body:
            parser.write(chunk)
            while reader.found:
                yield reader.found.popleft()
    except FormParserError as error:
        raise AppError(ErrorCode.BAD_REQUEST, "The form could not be read.") from error
    if not reader.is_complete:
        raise AppError(ErrorCode.BAD_REQUEST, "The form ends early.")


async def _chunks(events: AsyncIterator[Headers | bytes | None]) -> AsyncGenerator[bytes, None]:
    async for event in events:
        if event is None:
            return
        if isinstance(event, bytes):
            yield event


def _boundary(content_type: str | None) -> bytes:
    kind, options = parse_options_header(content_type)
    if kind != MEDIA_TYPE.encode() or not options.get(b"boundary"):
        raise AppError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, f"Send the files as {MEDIA_TYPE}.")
    return options[b"boundary"]


def _part(head: Headers, chunks: AsyncIterator[bytes]) -> Part:
    kind, options = parse_options_header(head.get(b"content-disposition", b""))
    if kind != b"form-data" or b"name" not in options:
        raise AppError(ErrorCode.BAD_REQUEST, "A part of the form has no name.")
    filename = options.get(b"filename")
    declared = head.get(b"content-type")
    return Part(
        _decoded(options[b"name"]),
        None if filename is None else _decoded(filename),
        None if declared is None else declared.decode("latin-1"),
        chunks,
    )


def _decoded(value: bytes) -> str:
    # What browsers write for a quotation mark (WHATWG HTML, "Multipart form data").
    return value.decode(errors="replace").replace("%22", '"')


def _too_large(message: str, **details: Any) -> AppError:
    return AppError(ErrorCode.PAYLOAD_TOO_LARGE, message, **details)
