"""Lines of a file of any size, one at a time, each of bounded length."""

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from api.core.errors import AppError, ErrorCode

# The largest item fits with every character escaped (12 bytes each beyond the first plane).
MAX_LINE_BYTES = 1024 * 1024


class LineTooLongError(Exception):
    """A line is longer than any row can be; the next one can be read all the same."""

    def __init__(self) -> None:
        super().__init__(f"The line is longer than {MAX_LINE_BYTES} bytes")


class Lines(Iterator[str]):
    """The lines of a stream from its beginning; `number` and `position` tell how far it is read.

    It is no generator, because a generator ends with the first exception it raises.
    """

    def __init__(self, stream: BinaryIO) -> None:
        stream.seek(0)
        self._stream = stream
        self.number = 0
        self.position = 0

    def __next__(self) -> str:
        """Return the next line with its end.

        Raises:
            LineTooLongError: it is not worth reading.
            AppError: BAD_REQUEST if the file is not UTF-8.
        """
        data = self._read()
        if not data:
            raise StopIteration
        self.number += 1
        if len(data) > MAX_LINE_BYTES:
            while data and not data.endswith(b"\n"):
                data = self._read()
            raise LineTooLongError
        if self.number == 1:
            data = data.removeprefix(codecs.BOM_UTF8)
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            sentence = f"The file is not UTF-8 text (line {self.number}): save it as UTF-8 and try again."
            raise AppError(ErrorCode.BAD_REQUEST, sentence) from error

    def _read(self) -> bytes:
        data = self._stream.readline(MAX_LINE_BYTES + 1)
        self.position += len(data)
        return data
