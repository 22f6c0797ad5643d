"""Documents: how they are parsed and validated, and which operation of one runs."""

import math
import re
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property

from graphql import (
    DocumentNode,
    GraphQLError,
    OperationDefinitionNode,
    Source,
    SourceLocation,
    TokenKind,
    get_operation_ast,
    parse,
    validate,
)
from graphql.validation.rules import overlapping_fields_can_be_merged
from strawberry.extensions import SchemaExtension
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule
from strawberry.types import ExecutionContext

from api.core.errors import AppError, ErrorCode
from graphql_schema.door.requests import NO_DOCUMENT

MAX_ERRORS = 10
"""After so many mistakes in a document nobody reads on; the last one says that there are more."""

# Equal fields are compared in pairs, 5,000 steps in some 4 ms. No query written for use takes half of it.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = 5_000


class IndexedSource(Source):
    """A text that knows where its lines begin, so that the position of each error is not counted out from the top."""

    @cached_property
    def _breaks(self) -> tuple[list[int], list[int]]:
        matches = list(re.finditer(r"\r\n|[\n\r]", self.body))
        return [match.start() for match in matches], [match.end() for match in matches]

    def get_location(self, position: int) -> SourceLocation:
        """Return line and column of a position, both from 1."""
        ends, beginnings = self._breaks
        line = bisect_left(ends, position)
        return SourceLocation(line + 1, position + 1 - (beginnings[line - 1] if line else 0))


class Documents(SchemaExtension):
    """Parses and validates, at a price that does not rise with what is wrong, and in the same words everywhere."""

    def on_operation(self) -> Iterator[None]:
        """Refuse an empty text."""
        if not self.execution_context.query:
            raise AppError(ErrorCode.BAD_REQUEST, NO_DOCUMENT)
        yield

    def on_parse(self) -> Iterator[None]:
        """Parse, and refuse a document from which nothing can run. What is none is left to Strawberry."""
        context = self.execution_context
        with suppress(GraphQLError):
            context.graphql_document = parse(IndexedSource(context.query or ""))
        if context.graphql_document is not None:
            _check_numbers(context.graphql_document)
            chosen_operation(context)
        yield

    def on_validate(self) -> Iterator[None]:
        """Validate, and stop after a few errors."""
        context = self.execution_context
        assert context.graphql_document is not None  # noqa: S101 - parsed before
        rules = (*context.validation_rules, MaybeNullValidationRule, OneOfInputValidationRule)
        schema = context.schema._schema  # noqa: SLF001 - no public name
        context.pre_execution_errors = validate(schema, context.graphql_document, rules, max_errors=MAX_ERRORS)
        yield


def chosen_operation(context: ExecutionContext) -> OperationDefinitionNode | None:
    """Return the operation that will run; None if the document did not even prove valid.

    Raises:
        AppError: BAD_REQUEST if that is not clear (GraphQL specification, "GetOperation"); Strawberry would
            run the first one.
    """
    document = context.graphql_document
    if document is None or context.pre_execution_errors:
        return None
    named = context._provided_operation_name  # noqa: SLF001 - the public one falls back to the first operation
    operation = get_operation_ast(document, named)
    if operation is None:
        raise AppError(ErrorCode.BAD_REQUEST, _why_none(document, named))
    return operation


def _why_none(document: DocumentNode, named: str | None) -> str:
    if not any(isinstance(node, OperationDefinitionNode) for node in document.definitions):
        return "The document has no operation."
    if named is None:
        return "Name the operation to run in operationName."
    return "The document has no operation with the name in operationName."


def _check_numbers(document: DocumentNode) -> None:
    """Refuse numbers beyond the range of a double: no type takes them, and Python does not even read endless ones."""
    token = document.loc.start_token if document.loc else None
    while token is not None:
        if token.kind in (TokenKind.INT, TokenKind.FLOAT) and math.isinf(float(token.value or 0)):
            raise AppError(ErrorCode.BAD_REQUEST, "Numbers in a document must be finite.")
        token = token.next
