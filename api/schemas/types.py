"""Field types: what text, numbers, times and JSON may look like, the same at both doors."""

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    StrictBool,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

MAX_FIELDS_BYTES = 16 * 1024
MAX_FIELDS_DEPTH = 32


def _without_defaults(schema: dict[str, Any]) -> None:
    """Leave defaults to the descriptions: generated clients would demand, or always send, what has one."""
    for field in schema.get("properties", {}).values():
        field.pop("default", None)


class Input(BaseModel):
    """What a client sends. Unknown fields are refused, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=_without_defaults)

    example: ClassVar[Mapping[str, Any]]
    """A body that works as it stands, with which the documentation begins. It leaves out what names something else."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the JSON schema with the example."""
        reference = handler(core)
        if "example" in cls.__dict__:
            handler.resolve_ref_schema(reference)["examples"] = [dict(cls.example)]
        return reference


class Output(BaseModel):
    """What a client gets, read off a row. Every field is there, those with a default too."""

    model_config = ConfigDict(from_attributes=True, frozen=True, json_schema_serialization_defaults_required=True)


def _printable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("It must not contain the character NUL")
    return text


# Not what is unassigned: next year's letters are unknown to this year's Python.
_INVISIBLE = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})


def _visible(text: str) -> str:
    """Refuse text of which nothing can be seen: blanks, and what is invisible by its category in Unicode."""
    if all(unicodedata.category(char) in _INVISIBLE for char in text):
        raise ValueError("It must not be blank")
    return text


# What steers a terminal, and what turns the order of the letters that follow (Unicode Standard Annex 9,
# section 2): a name with one of these can be made to look like another one.
_STEERING = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def _readable(text: str) -> str:
    if _STEERING.search(_printable(text)):
        raise ValueError("It must not contain control characters")
    return _visible(text)


def _whole(value: object) -> object:
    if isinstance(value, bool | str):
        raise ValueError("It must be a number")  # noqa: TRY004 - Pydantic reports a ValueError by path, and a TypeError not at all
    return value


# RFC 3339, section 5.6: the profile of ISO 8601 for the Internet. As there, a blank may stand for the T; seconds
# may be left out, and the colon of the zone, as browsers and ISO 8601 itself have it.
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?([Zz]|[+-][0-9]{2}:?[0-9]{2})"
)


def _iso_text(value: object) -> object:
    """Refuse what Pydantic would take for a time as well: numbers, in JSON or as text, are seconds since 1970 to it."""
    if not (isinstance(value, datetime) or (isinstance(value, str) and _MOMENT.fullmatch(value))):
        raise ValueError("It must be an ISO 8601 date and time with a zone, such as 2026-01-31T08:30:00Z")
    return value


def _to_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("It is beyond the years 1 to 9999") from error


def format_moment(value: datetime) -> str:
    """Return ISO 8601 in UTC with microseconds and `Z`, e.g. `2026-01-31T08:30:00.000000Z`."""
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _check_json(value: dict[str, Any]) -> dict[str, Any]:
    _check_parts(value)
    size = len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"))
    if size > MAX_FIELDS_BYTES:
        raise ValueError(f"It must not be larger than {MAX_FIELDS_BYTES} bytes, and is {size}")
    return value


def _check_parts(value: dict[str, Any]) -> None:
    """Walk the object without recursion: a hostile one may be deeper than the stack."""
    todo: list[tuple[object, int]] = [(value, 1)]
    while todo:
        part, depth = todo.pop()
        if depth > MAX_FIELDS_DEPTH and isinstance(part, dict | list):
            raise ValueError(f"It must not be nested more than {MAX_FIELDS_DEPTH} deep")
        if isinstance(part, dict):
            todo += [(key, depth) for key in part]
            todo += [(child, depth + 1) for child in part.values()]
        elif isinstance(part, list):
            todo += [(child, depth + 1) for child in part]
        elif isinstance(part, str):
            _check_text(part)
        elif isinstance(part, float) and not math.isfinite(part):
            raise ValueError("Numbers must be finite")


def _check_text(text: str) -> None:
    _printable(text)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("Text must be valid Unicode") from error


Readable = AfterValidator(_readable)

# Lines of text without blanks around them. The length is looked at first.
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), Readable]
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), Readable]
Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50), Readable]
SearchText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), Readable]
Description = Annotated[str, Field(max_length=20_000), AfterValidator(_printable)]
Body = Annotated[str, Field(min_length=1, max_length=10_000), AfterValidator(_printable), AfterValidator(_visible)]

Flag = StrictBool
Priority = Annotated[int, Field(ge=0, le=4), BeforeValidator(_whole)]
Version = Annotated[int, Field(ge=1, le=2**31 - 1)]
Seconds = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Seq = Annotated[int, Field(ge=0, le=2**53 - 1)]
"""A number of the log; 2^53 - 1 is the largest whole number that is exact in JSON everywhere (RFC 8259, section 6)."""

Moment = Annotated[
    AwareDatetime,
    BeforeValidator(_iso_text),
    AfterValidator(_to_utc),
    PlainSerializer(format_moment, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A point in time, by the profile of ISO 8601 that RFC 3339 is: any zone comes in, UTC goes out.

A date alone is none, as it says no time and no zone; neither are week dates nor 24:00, which RFC 3339 lacks.
"""

JsonObject = Annotated[
    dict[str, Any],
    AfterValidator(_check_json),
    WithJsonSchema({"type": "object", "additionalProperties": True}),
]
"""A JSON object of up to 16 KiB, nested up to 32 deep."""


def unique(values: list[str]) -> list[str]:
    """Return the values without repetitions, in their order."""
    return list(dict.fromkeys(values))


Tags = Annotated[list[Tag], Field(max_length=20), AfterValidator(unique)]
