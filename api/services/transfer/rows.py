"""The rows of a file: good ones with their record, bad ones with the reasons."""

from collections.abc import Mapping
from dataclasses import dataclass
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
    """A row that cannot be imported; each problem is a sentence, with the field's path before it."""

    line: int
    problems: tuple[str, ...]


def read_record(line: int, values: Mapping[str, Any], kind: type[ItemRecord | MessageRecord]) -> Row | BadRow:
    """Return the row that these values make."""
    try:
        return Row(line, kind.model_validate(values))
    except ValidationError as error:
        found = from_pydantic(error.errors(include_url=False, include_context=False, include_input=False))
        fields = found.details["fields"]
        return BadRow(line, tuple(f"{field['path']}: {field['message']}" for field in fields))
