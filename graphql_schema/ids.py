"""Ids: `ID` in the schema, as caches and Relay expect, and a UUID for the resolvers that declare one."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import UUID

import strawberry
from graphql import (
    DocumentNode,
    GraphQLField,
    GraphQLID,
    GraphQLObjectType,
    GraphQLSchema,
    NamedTypeNode,
    NameNode,
    Visitor,
    visit,
)
from strawberry.extensions import SchemaExtension
from strawberry.schema.types.scalar import DEFAULT_SCALAR_REGISTRY
from strawberry.types.base import StrawberryOptional
from strawberry.types.scalar import ScalarDefinition

from api.core.errors import invalid
from api.core.node_keys import NodeKey, parse_key
from api.schemas.scalars import parse_uuid

_id = DEFAULT_SCALAR_REGISTRY[strawberry.ID]

ID_SCALARS: Mapping[object, ScalarDefinition] = {strawberry.ID: _id, UUID: _id}
"""GraphQL reserves the name for its own scalar, which takes any text; `take_uuids` and `read_key` do the rest."""


def read_key(value: object) -> NodeKey:
    """Return what an id means.

    Raises:
        ValueError: it is none, in the words of the REST door.
    """
    return (parse_key(value) if isinstance(value, str) else None) or parse_uuid(value)


def is_id(type_: object) -> bool:
    """Return whether a type is that of ids."""
    return type_ is GraphQLID


def take_uuids(schema: GraphQLSchema) -> None:
    """Let resolvers have a UUID where they declare one.

    What is none is a `VALIDATION_ERROR` with the path and the words of the REST door.
    """
    for type_ in schema.type_map.values():
        for field in type_.fields.values() if isinstance(type_, GraphQLObjectType) else ():
            if names := dict(_uuid_arguments(field)):
                if field.subscribe is None:
                    field.resolve = _converting(field.resolve, names)
                else:
                    field.subscribe = _converting(field.subscribe, names)


def _uuid_arguments(field: GraphQLField) -> Iterator[tuple[str, str]]:
    """Yield the GraphQL name and the Python name, which is REST's, of each argument that is declared a UUID."""
    for name, argument in field.args.items():
        declared: Any = argument.extensions.get("strawberry-definition")
        if declared is None:
            continue  # Of introspection.
        type_ = declared.type.of_type if isinstance(declared.type, StrawberryOptional) else declared.type
        if type_ is UUID:
            yield name, declared.python_name


def _converting(resolve: Callable[..., Any] | None, names: Mapping[str, str]) -> Callable[..., Any]:
    assert resolve is not None  # noqa: S101 - a field with arguments has a resolver

    def converted(source: Any, info: Any, **arguments: Any) -> Any:
        problems = []
        for name, path in names.items():
            if arguments.get(name) is not None:
                try:
                    arguments[name] = parse_uuid(arguments[name])
                except ValueError as error:
                    problems.append((path, str(error)))
        if problems:
            raise invalid(problems)
        return resolve(source, info, **arguments)

    return converted


class FormerName(SchemaExtension):
    """Takes variables that are declared `UUID`, as ids were called once."""

    def on_parse(self) -> Iterator[None]:
        """Rename the type in the parsed document."""
        yield
        context = self.execution_context
        if context.graphql_document is not None and "UUID" in (context.query or ""):
            renamed: DocumentNode = visit(context.graphql_document, _Renaming())
            context.graphql_document = renamed


class _Renaming(Visitor):
    def enter_named_type(self, node: NamedTypeNode, *_: Any) -> NamedTypeNode | None:
        if node.name.value != "UUID":
            return None
        return NamedTypeNode(name=NameNode(value="ID", loc=node.name.loc), loc=node.loc)
