"""Parts of a file that a client asks for (RFC 9110, section 14), and whether it needs any (section 13).

Where the RFC leaves a choice, it is made as nginx makes it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

MOST_RANGES = 100
"""Whoever asks for more ranges gets the whole."""

_UNIT = "bytes="
# Blanks are taken without another try: two heaps of them side by side would be tried in every division.
_SPEC = re.compile(r" *+(?:([0-9]{1,18}) *+- *+([0-9]{1,18})?|- *+([0-9]{1,18})) *+")


@dataclass(frozen=True)
class Range:
    """Bytes from `start` to before `end`."""

    start: int
    end: int

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self.end - self.start

    def of(self, size: int) -> str:
        """Return the value of `Content-Range`."""
        return f"bytes {self.start}-{self.end - 1}/{size}"


class UnsatisfiableError(Exception):
    """None of the ranges is in the file, or they are nonsense."""


def parse(header: str | None, size: int) -> Sequence[Range] | None:
    """Return the ranges of a `Range` header in the order they are asked for; None for the whole.

    Raises:
        UnsatisfiableError: there is nothing to answer with.
    """
    if header is None or not header[len(_UNIT) :] or header[: len(_UNIT)].lower() != _UNIT:
        return None
    found: list[Range] = []
    for text in header[len(_UNIT) :].split(","):
        spec = _SPEC.fullmatch(text)
        if spec is None:
            raise UnsatisfiableError
        part = _range(spec, size)
        if part.start < part.end:
            found.append(part)
        elif part.start == 0:
            return None
    if not found:
        raise UnsatisfiableError
    # More than there is can only be meant to cost more than it needs (RFC 9110, section 14.2).
    if len(found) > MOST_RANGES or sum(part.size for part in found) > size:
        return None
    return found


def _range(spec: re.Match[str], size: int) -> Range:
    first, last, suffix = spec.groups()
    if suffix is not None:
        return Range(max(0, size - int(suffix)), size)
    return Range(int(first), size if last is None else min(int(last) + 1, size))


@dataclass(frozen=True)
class Validators:
    """What tells one state of a file from another: its tag in quotes, and when it last changed."""

    tag: str
    changed_at: datetime

    @property
    def last_modified(self) -> str:
        """The value of `Last-Modified` (RFC 9110, section 5.6.7)."""
        return format_datetime(self._second, usegmt=True)

    @property
    def _second(self) -> datetime:
        return self.changed_at.astimezone(UTC).replace(microsecond=0)

    def is_wanted_state(self, if_match: str | None, if_unmodified_since: str | None) -> bool:
        """Return whether what must be true of the file is, if anything must (steps 1 and 2 of section 13.2.2)."""
        if if_match is not None:
            return self._is_among(if_match, weakly=False)
        moment = _moment(if_unmodified_since)
        return moment is None or self._second <= moment

    def is_known(self, if_none_match: str | None, if_modified_since: str | None) -> bool:
        """Return whether the client has it already (steps 3 and 4)."""
        if if_none_match is not None:
            return self._is_among(if_none_match, weakly=True)
        moment = _moment(if_modified_since)
        return moment is not None and self._second <= moment

    def allow_range(self, if_range: str | None) -> bool:
        """Return whether a part goes with the parts that the client has (step 5): this very state, and no guess."""
        if if_range is None:
            return True
        value = if_range.strip()
        return value == self.tag if value.endswith('"') else _moment(value) == self._second

    def _is_among(self, tags: str, *, weakly: bool) -> bool:
        given = [tag.strip() for tag in tags.split(",")]
        return "*" in given or self.tag in given or (weakly and f"W/{self.tag}" in given)


def _moment(value: str | None) -> datetime | None:
    """Return the time of a header; None of one that is no time, and so is not heeded."""
    try:
        moment = parsedate_to_datetime(value) if value else None
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
