"""What a query may cost, decided before the first statement runs.

Tokens bound the parser, depth and aliases the shape, and the cost is the number of objects that a
query can return at most: a list multiplies what is inside it by its `first`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    Source,
    TokenKind,
    VariableNode,
    get_named_type,
)
from graphql.language import Lexer
from strawberry.extensions import SchemaExtension

from api.core.errors import AppError, ErrorCode
from api.schemas.pages import DEFAULT_LIMIT, MAX_LIMIT
from graphql_schema.documents import chosen_operation

SIZE_ARGUMENTS = ("first", "last", "limit", "ids")


@dataclass(frozen=True)
class Limits:
    """The most that a query may have of each."""

    depth: int
    aliases: int
    tokens: int
    cost: int


@dataclass(frozen=True)
class Measure:
    """What a query, or a part of it, has."""

    depth: int = 0
    aliases: int = 0
    cost: int = 0

    def beside(self, other: "Measure") -> "Measure":
        """Return the measure of both parts next to each other."""
        return Measure(max(self.depth, other.depth), self.aliases + other.aliases, self.cost + other.cost)


def limit_queries(limits: Limits) -> type[SchemaExtension]:
    """Return the extension that refuses what is too large with `QUERY_TOO_COMPLEX` and the numbers."""

    class QueryLimits(SchemaExtension):
        """Checks the text before it is parsed and the document after it proved valid."""

        def on_parse(self) -> Iterator[None]:
            """Bound the work of the parser and of validation."""
            _check_tokens(self.execution_context.query or "", limits.tokens)
            yield

        def on_validate(self) -> Iterator[None]:
            """Bound the work of execution."""
            yield
            context = self.execution_context
            operation = chosen_operation(context)
            document = context.graphql_document
            if operation is not None and document is not None:
                measurer = Measurer(context.schema._schema, document, operation, context.variables or {})  # noqa: SLF001 - no public name
                _check_measure(measurer.measure(), limits)

    return QueryLimits


class Measurer:
    """Walks one operation. A fragment is measured once, or nesting fragments would take exponential time."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: dict[str, Any],
    ) -> None:
        self._schema = schema
        self._operation = operation
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        defaults = {
            definition.variable.name.value: int(definition.default_value.value)
            for definition in operation.variable_definitions or ()
            if isinstance(definition.default_value, IntValueNode)
        }
        self._variables = {**defaults, **variables}
        self._known: dict[str, Measure] = {}

    def measure(self) -> Measure:
        """Return what the operation has."""
        root = self._schema.get_root_type(self._operation.operation)
        return self._selections(self._operation.selection_set, root)

    def _selections(self, selections: SelectionSetNode | None, parent: GraphQLNamedType | None) -> Measure:
        total = Measure()
        for node in selections.selections if selections else ():
            if isinstance(node, FieldNode):
                part = self._field(node, parent)
            elif isinstance(node, FragmentSpreadNode):
                part = self._fragment(node.name.value)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                inside = self._schema.get_type(condition.name.value) if condition else parent
                part = self._selections(node.selection_set, inside)
            else:
                continue
            total = total.beside(part)
        return total

    def _fragment(self, name: str) -> Measure:
        if name not in self._known:
            fragment = self._fragments[name]
            inside = self._schema.get_type(fragment.type_condition.name.value)
            self._known[name] = self._selections(fragment.selection_set, inside)
        return self._known[name]

    def _field(self, field: FieldNode, parent: GraphQLNamedType | None) -> Measure:
        aliases = int(field.alias is not None)
        name = field.name.value
        if name.startswith("__"):
            # Introspection is deep, but its size is ours and not the client's.
            return Measure(0, aliases, 0)
        definition = parent.fields.get(name) if isinstance(parent, GraphQLObjectType) else None
        if field.selection_set is None or definition is None:
            return Measure(1, aliases, 0)
        inner = self._selections(field.selection_set, get_named_type(definition.type))
        is_list = any(argument in definition.args for argument in SIZE_ARGUMENTS)
        times = self._size(field) if is_list else 1
        return Measure(inner.depth + 1, inner.aliases + aliases, 1 + inner.cost * times)

    def _size(self, field: FieldNode) -> int:
        for argument in field.arguments or ():
            if argument.name.value in SIZE_ARGUMENTS:
                node = argument.value
                value = self._variables.get(node.name.value) if isinstance(node, VariableNode) else None
                if isinstance(node, IntValueNode):
                    value = int(node.value)
                if isinstance(node, ListValueNode):
                    value = len(node.values)
                if isinstance(value, list):
                    value = len(value)
                # In JSON, 100 may be written as 100.0, and GraphQL takes that for an Int too.
                if isinstance(value, int | float):
                    return int(min(max(value, 1), MAX_LIMIT))
                if argument.name.value == "ids":
                    return MAX_LIMIT
        return DEFAULT_LIMIT


def _check_tokens(query: str, most: int) -> None:
    lexer = Lexer(Source(query))
    for _ in range(most + 1):
        if lexer.advance().kind is TokenKind.EOF:
            return
    raise _too_complex("tokens", most, None)


def _check_measure(measure: Measure, limits: Limits) -> None:
    for name in ("depth", "aliases", "cost"):
        most, found = getattr(limits, name), getattr(measure, name)
        if found > most:
            raise _too_complex(name, most, found)


def _too_complex(what: str, most: int, found: int | None) -> AppError:
    size = f"more than {most}" if found is None else str(found)
    message = (
        f"The query is too complex: its {what} {'are' if what.endswith('s') else 'is'} {size}, at most {most} allowed."
    )
    details = {"limit": what, "maximum": most} | ({} if found is None else {"actual": found})
    return AppError(ErrorCode.QUERY_TOO_COMPLEX, message, **details)
