"""Files to read twice, and files that appear whole or not at all."""

import codecs
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from api.core.errors import AppError, ErrorCode

_PIECE = 64 * 1024

STANDARD = Path("-")
"""The name of standard input and output."""


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file, or a copy of what can be read only once.

    Raises:
        AppError: BAD_REQUEST if it cannot be read.
    """
    with ExitStack() as stack:
        try:
            stream: BinaryIO = sys.stdin.buffer if path == STANDARD else stack.enter_context(path.open("rb"))
            if path == STANDARD or not stream.seekable():
                copy = stack.enter_context(tempfile.TemporaryFile())
                shutil.copyfileobj(stream, copy)
                stream = copy
            stream = _as_utf8(stream, stack)
        except OSError as error:
            raise AppError(ErrorCode.BAD_REQUEST, f"{path} cannot be read: {error.strerror}.") from error
        yield stream


def _as_utf8(stream: BinaryIO, stack: ExitStack) -> BinaryIO:
    """Return a copy of what begins with the mark of UTF-16, as spreadsheets write it; anything else as it is."""
    stream.seek(0)
    if stream.read(2) not in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return stream
    stream.seek(0)
    copy = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
    decoder = codecs.getincrementaldecoder("utf-16")()
    try:
        while data := stream.read(_PIECE):
            copy.write(decoder.decode(data).encode())
        copy.write(decoder.decode(b"", final=True).encode())
    except UnicodeError as error:
        sentence = "The file begins as UTF-16 text and does not go on so: save it as UTF-8 and try again."
        raise AppError(ErrorCode.BAD_REQUEST, sentence) from error
    return copy


@contextmanager
def replaced(path: Path) -> Iterator[BinaryIO]:
    """Give a stream whose bytes become the file when the block has ended well.

    A new file is for its owner alone to read, one that is replaced keeps its mode.

    Raises:
        AppError: BAD_REQUEST if it cannot be written.
    """
    path = path.resolve()
    try:
        if path.exists() and not path.is_file():
            # A pipe or a device is written to, not replaced.
            with path.open("wb") as stream:
                yield stream
            return
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                if path.exists():
                    draft.chmod(path.stat().st_mode & 0o777)
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise AppError(ErrorCode.BAD_REQUEST, f"{path} cannot be written: {error.strerror}.") from error
