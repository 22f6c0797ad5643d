"""The bytes of a file as an answer: all of them, or those that are asked for (RFC 9110, sections 13 and 14)."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from http import HTTPStatus
from uuid import uuid4

import structlog
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.types import Send

from api.core.errors import AppError, ErrorCode
from api.core.files.kinds import is_inline
from api.core.files.names import disposition
from api.core.files.ranges import Range, UnsatisfiableError, Validators, parse
from api.core.files.signing import Signer
from api.core.files.store import FileStore
from api.core.files.thumbnails import MEDIA_TYPE
from api.services.files import Content
from api.services.thumbnails import ThumbnailContent

POLICY = "default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"
"""What a browser lets a file do that it shows: nothing, as a stranger to every page of ours."""


class ContentResponse(StreamingResponse):
    """Bytes that are read no further once the client has gone."""

    body_iterator: AsyncGenerator[bytes, None]

    async def stream_response(self, send: Send) -> None:
        """Send them."""
        async with aclosing(self.body_iterator):
            await super().stream_response(send)


logger = structlog.get_logger("twofold.files")


async def answer_with(
    content: Content, request: Headers, store: FileStore, *, signer: Signer | None = None
) -> Response:
    """Return the answer to a request for a file; with a signer the bucket's, once it is known to be allowed.

    Raises:
        AppError: PRECONDITION_FAILED; RANGE_NOT_SATISFIABLE; INTERNAL_ERROR if its bytes are lost; UNAVAILABLE.
    """
    file = content.file
    state = Validators(f'"{file.sha256}"', file.created_at)
    if not state.is_wanted_state(_list(request, "if-match"), request.get("if-unmodified-since")):
        raise AppError(ErrorCode.PRECONDITION_FAILED, "The file is not in the state that the request is meant for.")
    headers = {
        "ETag": state.tag,
        "Last-Modified": state.last_modified,
        # Whether it may still be read is asked each time, and nobody keeps it for others.
        "Cache-Control": "private, no-cache",
        "Accept-Ranges": "bytes",
        # No browser adds a right of its own, as it does with cookies: a page elsewhere that shows it has a link.
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    if content.by_link:
        # Whoever has the link may read it, a page elsewhere too; and a sound that is shown alone asks for itself from
        # nowhere, since it is shut off from our origin.
        headers["Access-Control-Allow-Origin"] = "*"
    if state.is_known(_list(request, "if-none-match"), request.get("if-modified-since")):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    headers |= {
        "Content-Disposition": disposition(file.name, inline=is_inline(file.media_type)),
        "Content-Security-Policy": POLICY,
    }
    ranges = _wanted(request, state, file.size)
    if await store.size_of(content.key) != file.size:
        logger.error("the bytes of a file are lost", file=str(file.id), key=str(content.key))
        raise AppError(ErrorCode.INTERNAL_ERROR, "The bytes of this file are lost. It has been logged.")
    if signer is not None:
        url = signer.reading(content.key, file.media_type, headers["Content-Disposition"])
        # The next one is allowed anew, by another signature; the range goes along.
        return RedirectResponse(url, HTTPStatus.TEMPORARY_REDIRECT, {"Cache-Control": "private, no-store"})
    if ranges is None:
        return _whole(content, headers, store)
    if len(ranges) == 1:
        return _part(content, ranges[0], headers, store)
    return _parts(content, ranges, headers, store)


def answer_with_thumbnail(found: ThumbnailContent, request: Headers, store: FileStore, *, by_link: bool) -> Response:
    """Return the answer to a request for a thumbnail, which whoever got it may show again for an hour."""
    state = Validators(f'"{found.name}"', found.made_at)
    headers = {
        "ETag": state.tag,
        "Last-Modified": state.last_modified,
        "Cache-Control": "private, max-age=3600",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Content-Security-Policy": POLICY,
        **({"Access-Control-Allow-Origin": "*"} if by_link else {}),
    }
    if state.is_known(_list(request, "if-none-match"), request.get("if-modified-since")):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    start, length = found.part.start, found.part.length
    headers |= {"Content-Length": str(length), "Content-Disposition": "inline"}
    return ContentResponse(store.read(found.key, start, start + length), HTTPStatus.OK, headers, MEDIA_TYPE)


def _list(request: Headers, name: str) -> str | None:
    """Return a header that is a list, which may come in several lines (RFC 9110, section 5.3)."""
    return ", ".join(request.getlist(name)) or None


def _wanted(request: Headers, state: Validators, size: int) -> Sequence[Range] | None:
    if not state.allow_range(request.get("if-range")):
        return None
    try:
        return parse(request.get("range"), size)
    except UnsatisfiableError as error:
        message = f"None of the ranges is in the file, which has {size} bytes."
        raise AppError(ErrorCode.RANGE_NOT_SATISFIABLE, message, size=size) from error


def _whole(content: Content, headers: Mapping[str, str], store: FileStore) -> Response:
    size = content.file.size
    own = {**headers, "Content-Length": str(size)}
    pieces = store.read(content.key, 0, size)
    return ContentResponse(pieces, HTTPStatus.OK, own, content.file.media_type)


def _part(content: Content, wanted: Range, headers: Mapping[str, str], store: FileStore) -> Response:
    own = {**headers, "Content-Length": str(wanted.size), "Content-Range": wanted.of(content.file.size)}
    pieces = store.read(content.key, wanted.start, wanted.end)
    return ContentResponse(pieces, HTTPStatus.PARTIAL_CONTENT, own, content.file.media_type)


def _parts(content: Content, ranges: Sequence[Range], headers: Mapping[str, str], store: FileStore) -> Response:
    """Answer as `multipart/byteranges` (RFC 9110, section 14.6), in the order that is asked for."""
    boundary = uuid4().hex
    heads = [_head_of(content, wanted, boundary) for wanted in ranges]
    end = f"\r\n--{boundary}--\r\n".encode()

    async def pieces() -> AsyncGenerator[bytes, None]:
        for head, wanted in zip(heads, ranges, strict=True):
            yield head
            async with aclosing(store.read(content.key, wanted.start, wanted.end)) as part:
                async for piece in part:
                    yield piece
        yield end

    length = sum(map(len, heads)) + sum(wanted.size for wanted in ranges) + len(end)
    own = {**headers, "Content-Length": str(length)}
    return ContentResponse(pieces(), HTTPStatus.PARTIAL_CONTENT, own, f"multipart/byteranges; boundary={boundary}")


def _head_of(content: Content, wanted: Range, boundary: str) -> bytes:
    # What the answer as a whole would be called.
    kind = Response(media_type=content.file.media_type).headers["Content-Type"]
    lines = ["", f"--{boundary}", f"Content-Type: {kind}", f"Content-Range: {wanted.of(content.file.size)}", "", ""]
    return "\r\n".join(lines).encode()
