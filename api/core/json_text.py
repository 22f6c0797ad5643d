"""JSON as the standards know it: RFC 8259, with the text and numbers of RFC 7493 that every program can read."""

import json
import math
from typing import Any

MAX_DIGITS = 310
"""A whole number of more characters is beyond an IEEE 754 double (RFC 7493, section 2.2); nobody needs to read it."""

NOT_FINITE = "its numbers must be finite"


def read_json(text: str) -> Any:
    """Return what a JSON text says.

    Raises:
        ValueError: it is no JSON (`NaN` is none), is nested too deeply, or has a number beyond the range of a double
            or text that cannot be written as UTF-8, such as half of a surrogate pair. The message is safe to show.
    """
    try:
        value = json.loads(text, parse_int=_whole)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not valid JSON: {error.msg} at character {error.pos + 1}") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    try:
        written = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise ValueError(NOT_FINITE) from error
    if not is_writable(written):
        raise ValueError("its text must be valid Unicode")
    return value


def is_readable(value: object) -> bool:
    """Return whether `read_json` would read this, which a more lenient reader took for JSON."""
    try:
        read_json(json.dumps(value))
    except (ValueError, RecursionError):
        return False
    return True


def is_writable(text: str) -> bool:
    """Return whether text can be written as UTF-8: a lone surrogate cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_exact(number: float) -> bool:
    """Return whether a number is finite and within the range of a double."""
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS or not is_exact(int(digits)):
        raise ValueError(NOT_FINITE)
    return int(digits)
