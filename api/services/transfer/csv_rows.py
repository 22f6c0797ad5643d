"""Rows of a CSV file (RFC 4180) with a header. They are items."""

import csv
import itertools
import json
import re
import string
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from api.core.errors import AppError, ErrorCode
from api.services.transfer.lines import Lines, LineTooLongError
from api.services.transfer.records import ITEM_KEYS, ItemRecord
from api.services.transfer.rows import BadRow, Row, read_record

_NUMBERS = frozenset({"priority", "version"})
_FIELD = "fields."
# The comma wins where all are as frequent: in a file of one column.
_DELIMITERS = ",;\t|"
# What a line is made of that has no name and no value.
_BLANK = _DELIMITERS + '"' + string.whitespace
_SAID = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)
# How many columns a sentence names.
_NAMED = 10


def read_csv(lines: Lines, mapping: Mapping[str, str], *, ignore_unknown: bool) -> Iterator[Row | BadRow]:
    """Return the rows; a row of several lines is named by its first, and one of blank cells is none.

    Raises:
        AppError: BAD_REQUEST for a header that does not say where its columns go.
    """
    reader = _reader(lines)
    targets = _targets(_header(reader), mapping, ignore_unknown=ignore_unknown)
    while True:
        line = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield BadRow(line, (f"It is not valid CSV: {error}",))
        except LineTooLongError as error:
            yield BadRow(line, (str(error),))
        else:
            if any(cell.strip() for cell in cells):
                yield _read_row(line, cells, targets)


def _reader(lines: Lines) -> Iterator[list[str]]:
    """Return the rows as cells, separated by what separates the names in the header, or what Excel's `sep=` says."""
    try:
        first = next(line for line in lines if line.strip(_BLANK))
        said = _SAID.fullmatch(first)
        if said:
            return csv.reader(lines, strict=True, delimiter=said[1])
    except StopIteration:
        first = ""
    except LineTooLongError as error:
        raise _bad_header(error) from error
    unquoted = re.sub('"[^"]*"', "", first)
    delimiter = max(_DELIMITERS, key=unquoted.count)
    return csv.reader(itertools.chain([first] if first else [], lines), strict=True, delimiter=delimiter)


def _header(reader: Iterator[list[str]]) -> list[str]:
    try:
        return [name.strip() for name in next(cells for cells in reader if any(cell.strip() for cell in cells))]
    except StopIteration:
        raise _refusal("The file is empty; a CSV file begins with a line of column names.") from None
    except (csv.Error, LineTooLongError) as error:
        raise _bad_header(error) from error


def _bad_header(error: Exception) -> AppError:
    return _refusal(f"The first line must be the names of the columns, and is not valid CSV: {error}.")


def _targets(header: Sequence[str], mapping: Mapping[str, str], *, ignore_unknown: bool) -> list[str | None]:
    """Return where each column goes, None for nowhere."""
    _check_mapping(header, mapping)
    wanted = [mapping.get(name, name) for name in header]
    unknown = [name for name, target in zip(header, wanted, strict=True) if not _is_target(target)]
    if unknown and not ignore_unknown:
        raise _refusal(
            f"Unknown columns: {_listed(unknown)}; say where they go with --map COLUMN=FIELD, "
            "or leave them out with --ignore-unknown."
        )
    targets = [target if _is_target(target) else None for target in wanted]
    counts = Counter(target for target in targets if target is not None)
    twice = sorted(target for target, number in counts.items() if number > 1 and not _is_list(target))
    if twice:
        raise _refusal(f"More than one column goes to: {_listed(twice)}.")
    return targets


def _check_mapping(header: Sequence[str], mapping: Mapping[str, str]) -> None:
    absent = [name for name in mapping if name not in header]
    if absent:
        raise _refusal(f"--map names columns that the file does not have: {_listed(absent)}.")
    bad = [target for target in mapping.values() if not _is_target(target)]
    if bad:
        raise _refusal(
            f"--map names unknown fields: {_listed(bad)}; "
            f"there are {', '.join(sorted(ITEM_KEYS))} and fields.NAME for any NAME."
        )


def _is_list(target: str) -> bool:
    """Return whether several columns may go there: each adds what it has."""
    return target == "tags" or target.startswith(_FIELD)


def _is_target(name: str) -> bool:
    return name in ITEM_KEYS or (name.startswith(_FIELD) and name != _FIELD)


def _read_row(line: int, cells: Sequence[str], targets: Sequence[str | None]) -> Row | BadRow:
    if len(cells) != len(targets):
        return BadRow(line, (f"It has {len(cells)} cells, and the header has {len(targets)}",))
    values: dict[str, Any] = {}
    extra: dict[str, str | list[str]] = {}
    for target, cell in zip(targets, cells, strict=True):
        if target is None or not cell.strip():
            continue
        if target.startswith(_FIELD):
            name = target.removeprefix(_FIELD)
            extra[name] = cell if targets.count(target) == 1 else [*extra.get(name, ()), cell]
            continue
        try:
            value = _value(target, cell)
        except (ValueError, RecursionError):
            return BadRow(line, (f"{target}: It is not valid JSON",), (cell,))
        values[target] = values[target] + value if target in values else value
    if extra:
        fields = values.setdefault("fields", {})
        if isinstance(fields, dict):
            values["fields"] = fields | extra
    return read_record(line, values, ItemRecord)


def _value(target: str, cell: str) -> Any:
    """Return what the text of a cell means; what makes no sense is left to the schema to refuse."""
    if target == "tags":
        return [tag for tag in re.split("[;,]", cell) if tag.strip()]
    if target == "fields":
        return json.loads(cell, parse_constant=_no_constant)
    if target in _NUMBERS and re.fullmatch(r"\s*[+-]?[0-9]{1,18}\s*", cell):
        return int(cell)
    return cell if target == "description" else cell.strip()


def _no_constant(name: str) -> float:
    """Refuse NaN and Infinity, which JSON does not have."""
    raise ValueError(name)


def _listed(names: Sequence[str]) -> str:
    """Return the names for a sentence, however many, long or unprintable they are."""
    shown = ", ".join(repr(name[:50]) for name in names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"


def _refusal(sentence: str) -> AppError:
    return AppError(ErrorCode.BAD_REQUEST, sentence)
