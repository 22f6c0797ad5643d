"""Thumbnails of pictures: which there are, and the process that makes them."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from api.core.files import shrink

MEDIA_TYPE = "image/webp"
KINDS = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp", "image/avif"})
SECONDS = 2 * shrink.SECONDS
"""So long it may take, the reading from the store included."""

MAX_MADE = 16 * 1024 * 1024
"""So many bytes all thumbnails of a picture have at most."""

SIZES = tuple(sorted(shrink.SIZES))

_PROGRAM = Path(shrink.__file__)
_AT_ONCE = 2


class Fit(StrEnum):
    """How a thumbnail fits into its square."""

    CONTAIN = "contain"
    COVER = "cover"


class PictureError(Exception):
    """Of this no thumbnail can be made: it is broken, too large, or no picture."""


class Made(BaseModel):
    """A thumbnail, as the process that made it says."""

    fit: Fit
    size: int
    width: Annotated[int, Field(ge=1, le=max(SIZES))]
    height: Annotated[int, Field(ge=1, le=max(SIZES))]
    length: Annotated[int, Field(ge=1, le=MAX_MADE)]


_LISTED = TypeAdapter(list[Made])


@dataclass(frozen=True)
class Thumbnail:
    """Where a thumbnail is among the bytes of all of a picture's, and how large it is in pixels."""

    start: int
    length: int
    width: int
    height: int


@dataclass(frozen=True)
class Thumbnails:
    """All thumbnails of a picture."""

    content: bytes
    parts: Mapping[str, Thumbnail]
    """By `name_of`."""


def name_of(fit: Fit, size: int) -> str:
    """Return what a thumbnail is called among those of its picture."""
    return f"{fit}-{size}"


def is_picture(media_type: str, size: int) -> bool:
    """Return whether there may be thumbnails of bytes of this type and number."""
    return media_type in KINDS and 0 < size <= shrink.MAX_BYTES


class Shrinker:
    """Makes thumbnails, of so many pictures at once: each is a process that may take a GiB of memory."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def shrink(self, pieces: AsyncGenerator[bytes, None]) -> Thumbnails:
        """Return the thumbnails of a picture.

        Raises:
            PictureError: there are none.
            Exception: whatever the iterator raises.
        """
        async with aclosing(pieces), self._turns:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-I", str(_PROGRAM), stdin=PIPE, stdout=PIPE, stderr=DEVNULL, cwd="/", env={}
            )
            telling = asyncio.create_task(_tell(process, pieces))
            try:
                async with asyncio.timeout(SECONDS):
                    told = await _hear(process)
                    await telling
                    if await process.wait():
                        raise PictureError
            except TimeoutError as error:
                raise PictureError from error
            finally:
                telling.cancel()
                with suppress(ProcessLookupError):
                    process.kill()
                await asyncio.gather(telling, process.wait(), return_exceptions=True)
        return _understood(told)


async def _tell(process: Process, pieces: AsyncGenerator[bytes, None]) -> None:
    """Hand a picture to the process, which may have seen enough of it before its end."""
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    try:
        with suppress(BrokenPipeError, ConnectionResetError):
            async for piece in pieces:
                process.stdin.write(piece)
                await process.stdin.drain()
    finally:
        process.stdin.close()


async def _hear(process: Process) -> bytes:
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    told = bytearray()
    while piece := await process.stdout.read(64 * 1024):
        told += piece
        if len(told) > MAX_MADE:
            raise PictureError
    return bytes(told)


def _understood(told: bytes) -> Thumbnails:
    """Return what the process made. It may have been taken over by what it read, and is not believed."""
    head, _, content = told.partition(b"\n")
    try:
        made = _LISTED.validate_json(head)
    except ValidationError as error:
        raise PictureError from error
    parts, start = {}, 0
    for one in made:
        parts[name_of(one.fit, one.size)] = Thumbnail(start, one.length, one.width, one.height)
        start += one.length
    if start != len(content) or parts.keys() != {name_of(fit, size) for fit in Fit for size in SIZES}:
        raise PictureError
    return Thumbnails(content, parts)
