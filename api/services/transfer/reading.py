"""A file to import, read from its beginning as often as needed and never held in memory."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePath
from typing import BinaryIO

from api.core.errors import AppError, ErrorCode
from api.services.transfer.csv_rows import read_csv
from api.services.transfer.json_rows import read_json
from api.services.transfer.lines import Lines
from api.services.transfer.rows import BadRow, Row


class FileFormat(StrEnum):
    """How rows are written down."""

    CSV = "csv"
    JSONL = "jsonl"


_SUFFIXES = {".csv": FileFormat.CSV, ".jsonl": FileFormat.JSONL, ".ndjson": FileFormat.JSONL}


def format_of(name: str) -> FileFormat:
    """Return the format that a file's name tells.

    Raises:
        AppError: BAD_REQUEST if it tells none.
    """
    found = _SUFFIXES.get(PurePath(name).suffix.lower())
    if found is None:
        sentence = f"The name {name} does not tell the format: add --format csv or --format jsonl."
        raise AppError(ErrorCode.BAD_REQUEST, sentence)
    return found


@dataclass
class Source:
    """A seekable stream and how to read it; `mapping` sends CSV columns to fields."""

    stream: BinaryIO
    format: FileFormat
    mapping: Mapping[str, str] = field(default_factory=dict)
    ignore_unknown: bool = False
    _lines: Lines | None = None

    @property
    def position(self) -> int:
        """How many bytes have been read."""
        return self._lines.position if self._lines else 0

    def rows(self) -> Iterator[Row | BadRow]:
        """Begin anew and return the rows.

        Raises:
            AppError: BAD_REQUEST for a file that cannot be read at all.
        """
        self._lines = Lines(self.stream)
        if self.format is FileFormat.CSV:
            return read_csv(self._lines, self.mapping, ignore_unknown=self.ignore_unknown)
        if self.mapping:
            raise AppError(ErrorCode.BAD_REQUEST, "--map is for the columns of CSV files.")
        return read_json(self._lines, ignore_unknown=self.ignore_unknown)
