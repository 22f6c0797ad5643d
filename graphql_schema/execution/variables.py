"""Variables that do not fit their types are `VALIDATION_ERROR`s, with the paths that REST would name."""

import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, get_args

from graphql import (
    ArgumentNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    Node,
    ObjectValueNode,
    OperationDefinitionNode,
    VariableNode,
    Visitor,
    coerce_input_value,
    is_required_input_field,
    type_from_ast,
    visit,
)
from graphql.language import DocumentNode, ListValueNode
from pydantic import ValidationError
from strawberry.extensions import SchemaExtension

from api.core.errors import MAX_FINDINGS, AppError, ErrorCode, invalid
from api.core.json_text import is_readable, is_writable
from api.schemas.pages import MAX_LIMIT
from api.schemas.types import AtMost, Input
from graphql_schema.door.requests import NOT_READABLE
from graphql_schema.execution.documents import chosen_operation
from graphql_schema.ids import is_id, read_key

Path = tuple[str, ...]
Problem = tuple[str, str]

LENGTH = AtMost(MAX_LIMIT)
"""The length of lists whose model says nothing about it."""

WRAPPERS = ("input", "filter")
"""Arguments whose fields REST has at the top of its body or query string."""


class VariableCheck(SchemaExtension):
    """Looks at the variables once the document proved valid."""

    def on_validate(self) -> Iterator[None]:
        """Refuse variables that do not fit."""
        yield
        context = self.execution_context
        operation = chosen_operation(context)
        document = context.graphql_document
        if operation is not None and document is not None:
            problems = _problems(context.schema._schema, document, operation, context.variables or {})  # noqa: SLF001 - no public name
            first = next(problems, None)
            if first:
                raise invalid(chain([first], problems))


def _problems(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, variables: Any
) -> Iterator[Problem]:
    if not isinstance(variables, dict):
        raise AppError(ErrorCode.BAD_REQUEST, "Variables must be a JSON object.")
    declared = {definition.variable.name.value for definition in operation.variable_definitions or ()}
    # The others are nobody's to judge, so they are as on a socket: all or nothing.
    if not is_readable({name: value for name, value in variables.items() if name not in declared}):
        raise AppError(ErrorCode.BAD_REQUEST, NOT_READABLE)
    places = _places(document)
    for definition in operation.variable_definitions or ():
        name = definition.variable.name.value
        type_: Any = type_from_ast(schema, definition.type)
        if name in variables:
            yield from _check(variables[name], type_, places.get(name, (name,)))
        elif isinstance(type_, GraphQLNonNull) and definition.default_value is None:
            yield _problem(places.get(name, (name,)), "Field required")


def _check(value: object, type_: GraphQLInputType, path: Path) -> Iterator[Problem]:
    if isinstance(type_, GraphQLNonNull):
        if value is None:
            yield _problem(path, "It must not be null")
            return
        type_ = type_.of_type
    if value is None:
        return
    if isinstance(type_, GraphQLList):
        yield from _check_list(value, type_.of_type, path)
    elif isinstance(type_, GraphQLInputObjectType):
        yield from _check_object(value, type_, path)
    else:
        yield from _check_leaf(value, type_, path)


def _check_list(value: object, type_: GraphQLInputType, path: Path) -> Iterator[Problem]:
    elements = value if isinstance(value, list) else None
    if elements is None:
        yield from _check(value, type_, path)
    elif problem := LENGTH.problem(elements):
        yield _problem(path, problem)
    else:
        for index, element in enumerate(elements):
            yield from _check(element, type_, (*path, str(index)))


def _check_leaf(value: object, type_: GraphQLInputType, path: Path) -> Iterator[Problem]:
    if isinstance(type_, GraphQLEnumType):
        # Not left to the library, which would look for similar names, however long this one is.
        if not isinstance(value, str) or value not in type_.values:
            yield _problem(path, f"It must be one of {', '.join(type_.values)}")
        return
    if isinstance(value, str) and not is_writable(value):
        yield _problem(path, "Text must be valid Unicode")
        return
    try:
        leaf: Any = type_
        if is_id(leaf):
            read_key(value)
        else:
            leaf.coerce_input_value(value)
    except (GraphQLError, ValueError, TypeError, AttributeError, OverflowError) as error:
        yield _problem(path, getattr(error, "message", None) or str(error))


def _check_object(value: object, type_: GraphQLInputObjectType, path: Path) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield _problem(path, "It must be an object")
        return
    problems = list(islice(_check_fields(value, type_, path), MAX_FINDINGS + 1))
    if problems:
        yield from _check_rest(value, type_, path)
    yield from problems


def _check_rest(value: dict[str, Any], type_: GraphQLInputObjectType, path: Path) -> Iterator[Problem]:
    """Ask the Pydantic model about the fields that do fit, for a client to hear of all bad ones at once."""
    fitting = {
        name: coerce_input_value(value[name], field.type)
        for name, field in type_.fields.items()
        if name in value and not list(_check(value[name], field.type, ()))
    }
    fields = {_snake(name): part for name, part in fitting.items()}
    try:
        _model(type_).model_validate(fields)
    except ValidationError as error:
        for finding in error.errors(include_url=False, include_context=False, include_input=False):
            where = tuple(str(part) for part in finding["loc"])
            if where and where[0] in fields:
                yield _problem((*path, *where), finding["msg"].removeprefix("Value error, "))


def _model(type_: GraphQLInputObjectType) -> type[Input]:
    model: type[Input] = type_.extensions["strawberry-definition"].origin._model  # noqa: SLF001 - every input type has one
    return model


def _length(model: type[Input], name: str) -> AtMost | None:
    """Return how long a list the model takes there."""
    field = model.model_fields[name]
    # Of a list that may be absent or null, the mark is at one part of a union.
    inner = (mark for part in get_args(field.annotation) for mark in getattr(part, "__metadata__", ()))
    return next((mark for mark in (*field.metadata, *inner) if isinstance(mark, AtMost)), None)


def _check_fields(value: dict[str, Any], type_: GraphQLInputObjectType, path: Path) -> Iterator[Problem]:
    model = _model(type_)
    for name, field in type_.fields.items():
        if name in value:
            length = _length(model, _snake(name))
            if problem := length and length.problem(value[name]):
                yield _problem((*path, _snake(name)), problem)
            else:
                yield from _check(value[name], field.type, (*path, _snake(name)))
        elif is_required_input_field(field):
            yield _problem((*path, _snake(name)), "Field required")
    for name in value:
        if name not in type_.fields:
            yield _problem((*path, _snake(str(name))), "Extra inputs are not permitted")


def _places(document: DocumentNode) -> dict[str, Path]:
    """Return where each variable is used first: the path of the argument or input field it fills."""
    places: dict[str, Path] = {}

    def note(node: Node, path: Path) -> None:
        if isinstance(node, VariableNode):
            places.setdefault(node.name.value, path)
        elif isinstance(node, ObjectValueNode):
            for field in node.fields:
                note(field.value, (*path, _snake(field.name.value)))
        elif isinstance(node, ListValueNode):
            for index, element in enumerate(node.values):
                note(element, (*path, str(index)))

    class Arguments(Visitor):
        def enter_argument(self, node: ArgumentNode, *_: Any) -> None:
            name = node.name.value
            note(node.value, () if name in WRAPPERS else (_snake(name),))

    visit(document, Arguments())
    return places


def _problem(path: Path, message: str) -> Problem:
    return ".".join(path), message


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
