"""Scalars: ids, times and large numbers."""

from collections.abc import Mapping
from datetime import datetime
from typing import NewType

import strawberry
from graphql import GraphQLError, GraphQLScalarType, GraphQLSchema, value_from_ast_untyped
from pydantic import TypeAdapter, ValidationError
from strawberry.types.scalar import ScalarDefinition

from api.schemas.types import Moment, format_moment
from graphql_schema.ids import ID_SCALARS

BigInt = NewType("BigInt", int)

_moment: TypeAdapter[datetime] = TypeAdapter(Moment)
_EXACT = 2**53 - 1


def _parse_moment(value: object) -> datetime:
    try:
        return _moment.validate_python(value)
    except ValidationError as error:
        sentence = error.errors()[0]["msg"].removeprefix("Value error, ")
    # Not while the other one is handled: see `Input.read`.
    raise GraphQLError(sentence)


def _parse_big(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _EXACT:
        raise GraphQLError(f"It must be a whole number between -{_EXACT} and {_EXACT}")
    return value


SCALARS: Mapping[object, ScalarDefinition] = {
    **ID_SCALARS,
    datetime: strawberry.scalar(
        name="DateTime",
        description="A point in time by RFC 3339, a profile of ISO 8601: date, time and zone, such as "
        "`2026-01-31T08:30:00Z`. Any zone comes in, UTC with microseconds and `Z` goes out.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=format_moment,
        parse_value=_parse_moment,
    ),
    BigInt: strawberry.scalar(
        name="BigInt",
        description="A whole number that may exceed 32 bits, up to 2^53 - 1: exact in every JSON client.",
        serialize=int,
        parse_value=_parse_big,
    ),
}
"""Python types and their scalars."""


def read_json_literals(schema: GraphQLSchema) -> None:
    """Let JSON literals be read with their variables as they were sent, which the library does for no scalar of ours.

    A key whose variable is absent is absent, and an element of a list is null (GraphQL specification, "Input Coercion"
    of input objects and lists). By default it would get the library's mark of an absent value, or an id's object.
    """
    json = schema.type_map["JSON"]
    assert isinstance(json, GraphQLScalarType)  # noqa: S101 - the schema is ours
    json.coerce_input_literal = value_from_ast_untyped
