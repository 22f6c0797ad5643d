"""The rows of a file: good ones with their record, bad ones with the reasons."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from api.core.errors import from_pydantic
from api.services.transfer.records import ItemRecord, MessageRecord, Record


@dataclass(frozen=True)
class Row:
    """A row that says what it should, as far as it can be told from the row alone."""

    line: int
    record: Record


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be imported; each problem is a sentence, with the field's path before it.

    `values` are what the problems are about, None where that is no value.
    """

    line: int
    problems: tuple[str, ...]
    values: tuple[Any, ...] = field(default=(), compare=False)


def read_record(line: int, values: Mapping[str, Any], kind: type[ItemRecord | MessageRecord]) -> Row | BadRow:
    """Return the row that these values make."""
    try:
        return Row(line, kind.model_validate(values))
    except ValidationError as error:
        findings = error.errors(include_url=False, include_context=False)
        fields = from_pydantic(findings).details["fields"]
        problems = tuple(f"{found['path']}: {found['message']}" for found in fields)
        # Of what is missing, the input is all the rest of the row.
        inputs = tuple(None if finding["type"] == "missing" else finding["input"] for finding in findings)
        return BadRow(line, problems, inputs)
