"""Field types: what text, numbers, times and JSON may look like, the same at both doors."""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    SecretStr,
    StrictBool,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core.core_schema import CoreSchema, no_info_before_validator_function

from api.core.errors import from_pydantic
from api.core.json_text import is_exact, is_writable

MAX_DESCRIPTION = 20_000
MAX_BODY = 10_000
MAX_FIELDS_BYTES = 16 * 1024
MAX_FIELDS_DEPTH = 32
MAX_TAGS = 20
MAX_UNKNOWN = 150
"""Unknown fields that are told of, some more than an error can name."""


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
    def read(cls, values: Mapping[str, Any]) -> Self:
        """Return the input that these values make.

        Pydantic's own exception must go no further: it keeps what was sent and what refused it where the garbage
        collector does not look, and whoever keeps such an exception among others keeps it for ever.

        Raises:
            AppError: VALIDATION_ERROR with the paths of what does not fit.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            refusal = from_pydantic(error.errors(include_url=False, include_context=False, include_input=False))
        raise refusal

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the JSON schema with the example."""
        reference = handler(core)
        if "example" in cls.__dict__:
            handler.resolve_ref_schema(reference)["examples"] = [dict(cls.example)]
        return reference

    @model_validator(mode="before")
    @classmethod
    def _forget_the_rest(cls, data: Any) -> Any:
        """Leave out unknown fields beyond a hundred: those that are left get it refused as well."""
        if not isinstance(data, dict) or len(data) <= MAX_UNKNOWN:
            return data
        unknown = islice((name for name in data if name not in cls.model_fields), MAX_UNKNOWN)
        return {name: data[name] for name in (*(name for name in cls.model_fields if name in data), *unknown)}


class Output(BaseModel):
    """What a client gets, read off a row. Every field is there, those with a default too."""

    model_config = ConfigDict(from_attributes=True, frozen=True, json_schema_serialization_defaults_required=True)


@dataclass(frozen=True)
class Letters:
    """How many letters a text that is answered may have: whoever asks for many of them pays for that."""

    most: int


@dataclass(frozen=True)
class AtMost:
    """The length of a list, judged before any of its elements is."""

    most: int

    def problem(self, value: object) -> str | None:
        """Return what is wrong with the length, if something is."""
        if isinstance(value, list) and len(value) > self.most:
            return f"It must have at most {self.most} elements, and has {len(value)}"
        return None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Judge before the elements are looked at, and document it as the `maxItems` of a JSON schema."""
        return no_info_before_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the JSON schema of the list with its length."""
        return {**handler(schema), "maxItems": self.most}

    def _check(self, value: object) -> object:
        if problem := self.problem(value):
            raise ValueError(problem)
        return value


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


def whole(value: object) -> object:
    """Refuse what Pydantic would take for a number as well."""
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
        # Each part takes a byte at least.
        if len(todo) + (len(part) if isinstance(part, str | list | dict) else 0) > MAX_FIELDS_BYTES:
            raise ValueError(f"It must not be larger than {MAX_FIELDS_BYTES} bytes")
        if depth > MAX_FIELDS_DEPTH and isinstance(part, dict | list):
            raise ValueError(f"It must not be nested more than {MAX_FIELDS_DEPTH} deep")
        if isinstance(part, dict):
            todo += [(key, depth) for key in part]
            todo += [(child, depth + 1) for child in part.values()]
        elif isinstance(part, list):
            todo += [(child, depth + 1) for child in part]
        elif isinstance(part, str):
            _check_text(part)
        elif isinstance(part, int | float) and not is_exact(part):
            raise ValueError("Numbers must be finite")


def _check_text(text: str) -> None:
    _writable(_printable(text))


def _writable(value: Any) -> Any:
    if isinstance(value, str) and not is_writable(value):
        raise ValueError("Text must be valid Unicode")
    return value


Readable = AfterValidator(_readable)

# Lines of text without blanks around them. The length is looked at first.
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), Readable]
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), Readable]
Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50), Readable]
SearchText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), Readable]
Description = Annotated[str, Field(max_length=MAX_DESCRIPTION), AfterValidator(_printable)]
Body = Annotated[str, Field(min_length=1, max_length=MAX_BODY), AfterValidator(_printable), AfterValidator(_visible)]

Secret = Annotated[SecretStr, BeforeValidator(_writable)]
"""Text that is not shown again. Unlike other text Pydantic looks at it no closer."""

Flag = StrictBool
Priority = Annotated[int, Field(ge=0, le=4), BeforeValidator(whole)]
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


JsonAnswer = Annotated[dict[str, Any], WithJsonSchema({"type": "object", "additionalProperties": True})]
"""A JSON object on its way out: it was checked when it came in."""


def unique(values: list[str]) -> list[str]:
    """Return the values without repetitions, in their order."""
    return list(dict.fromkeys(values))


Tags = Annotated[list[Tag], AfterValidator(unique), AtMost(MAX_TAGS)]
