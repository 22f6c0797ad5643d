"""What is said about the rows that cannot be imported: each by its line, and in the end all by their reasons."""

import json
import re
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from api.cli.progress import err
from api.services.transfer.rows import BadRow

# How many reasons are told, and kept at all: a file may have a new one on every line.
TOLD = 20
KEPT = 1000
# How many lines and how much of a value are told of each reason.
LINES = 5
VALUE = 60


def printable(text: str) -> str:
    """Return the text, which may come from a file, without what could upset a terminal."""
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text[:500])


def counted(number: int, noun: str) -> str:
    """Return the number with its noun, such as `1 row` and `2,000 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


@dataclass
class _Reason:
    count: int = 0
    lines: list[int] = field(default_factory=list)
    value: str = ""


class Report:
    """The bad rows of one import."""

    def __init__(self) -> None:
        self._told: set[int] = set()
        self._reasons: dict[str, _Reason] = {}

    def tell(self, row: BadRow) -> None:
        """Tell a row's problems, once."""
        if row.line in self._told:
            return
        self._told.add(row.line)
        for problem, value in zip(row.problems, (*row.values, *[None] * len(row.problems)), strict=False):
            err.print(printable(f"line {row.line}: {problem}"))
            self._note(row.line, problem, value)

    def sum_up(self) -> None:
        """Tell the distinct reasons, the most frequent first: a table on a terminal, lines elsewhere."""
        found = sorted(self._reasons.items(), key=lambda entry: -entry[1].count)
        rows = [(counted(of.count, "row"), reason, _named(of), of.value) for reason, of in found[:TOLD]]
        if err.is_terminal:
            _print_table(rows)
        else:
            for count, reason, lines, value in rows:
                err.print(f"{count}: {reason} ({lines}{', such as ' if value else ''}{value})")
        if len(found) > TOLD:
            err.print(f"and {counted(len(found) - TOLD, 'other reason')}")

    def _note(self, line: int, problem: str, value: Any) -> None:
        path, colon, message = problem.partition(": ")
        # Which element of a list it is makes no other reason.
        reason = printable(re.sub(r"\.[0-9]+", "", path) + colon + message)
        if reason not in self._reasons and len(self._reasons) == KEPT:
            return
        of = self._reasons.setdefault(reason, _Reason())
        of.count += 1
        if len(of.lines) < LINES:
            of.lines.append(line)
        if not of.value and value is not None:
            of.value = _shown(value)


def _shown(value: Any) -> str:
    text = str(value) if isinstance(value, str | UUID) else json.dumps(value, ensure_ascii=False, default=str)
    text = printable(text)
    return f"'{text[:VALUE]}…'" if len(text) > VALUE else f"'{text}'"


def _named(reason: _Reason) -> str:
    more = reason.count - len(reason.lines)
    named = ", ".join(f"{line}" for line in reason.lines)
    return f"{'line' if reason.count == 1 else 'lines'} {named}{f' and {more:,} more' if more else ''}"


def _print_table(rows: list[tuple[str, str, str, str]]) -> None:
    # Slow to import, and most imports go well.
    from rich import box  # noqa: PLC0415 - as said
    from rich.table import Table  # noqa: PLC0415 - as said
    from rich.text import Text  # noqa: PLC0415 - as said

    table = Table("Rows", "Reason", "Lines", "Value", box=box.SIMPLE)
    for row in rows:
        table.add_row(*map(Text, row))
    err.print(table)
