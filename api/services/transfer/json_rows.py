"""Rows of a JSON Lines file: one object per line, items and messages."""

import json
from collections.abc import Iterator
from typing import Any

from api.services.transfer.lines import Lines, LineTooLongError
from api.services.transfer.records import ITEM_KEYS, MESSAGE_KEYS, ItemRecord, MessageRecord
from api.services.transfer.rows import BadRow, Row, read_record


def read_json(lines: Lines, *, ignore_unknown: bool) -> Iterator[Row | BadRow]:
    """Return the rows; blank lines are none."""
    while True:
        try:
            text = next(lines)
        except StopIteration:
            return
        except LineTooLongError as error:
            yield BadRow(lines.number, (str(error),))
        else:
            if text.strip():
                yield _read_row(lines.number, text.rstrip(), ignore_unknown=ignore_unknown)


def _read_row(line: int, text: str, *, ignore_unknown: bool) -> Row | BadRow:
    try:
        values: Any = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        where = f": {error.msg} at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else ""
        return BadRow(line, (f"It is not valid JSON{where}",))
    if not isinstance(values, dict):
        return BadRow(line, ("It must be a JSON object",))
    if values.get("type", "item") not in ("item", "message"):
        return BadRow(line, ("type: It must be item or message",))
    is_message = values.get("type") == "message"
    if ignore_unknown:
        known = MESSAGE_KEYS if is_message else ITEM_KEYS
        values = {name: value for name, value in values.items() if name in known}
    return read_record(line, values, MessageRecord if is_message else ItemRecord)


def _no_constant(name: str) -> float:
    """Refuse NaN and Infinity, which JSON does not have."""
    raise ValueError(name)
