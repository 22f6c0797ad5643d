"""What an operation may bring back at most, told from its text: depth, aliases, and a price.

The price is the number of fields of the answer: every object and every leaf, each as often as it
can come. A list multiplies what is inside it by its `first`, a copy under an alias counts again,
and a long text counts once more for every few thousand letters that it may have.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SchemaMetaFieldDef,
    SelectionSetNode,
    TypeMetaFieldDef,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

from api.schemas.pages import DEFAULT_LIMIT, MAX_LIMIT
from api.schemas.prices import price_of_leaf

SIZE_ARGUMENTS = ("first", "last", "limit")


@dataclass(frozen=True)
class Measure:
    """What an operation, or a part of it, has."""

    depth: int = 0
    aliases: int = 0
    cost: float = 0

    def beside(self, other: "Measure") -> "Measure":
        """Return the measure of both parts next to each other."""
        return Measure(max(self.depth, other.depth), self.aliases + other.aliases, self.cost + other.cost)


@dataclass
class Measurer:
    """Walks one operation. A fragment is measured once, or nesting fragments would take exponential time."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    operation: OperationDefinitionNode
    variables: Mapping[str, Any]
    problems: dict[str, str] = field(default_factory=dict)
    """Sizes of lists that are out of range, by argument."""

    _known: dict[str, Measure] = field(default_factory=dict)

    def measure(self) -> Measure:
        """Return what the operation has; what is wrong with its sizes is among the `problems` afterwards."""
        root = self.schema.get_root_type(self.operation.operation)
        return self._selections(self.operation.selection_set, root)

    def _selections(self, selections: SelectionSetNode | None, parent: GraphQLNamedType | None) -> Measure:
        total = Measure()
        for node in selections.selections if selections else ():
            if isinstance(node, FieldNode):
                part = self._field(node, parent)
            elif isinstance(node, FragmentSpreadNode):
                part = self._fragment(node.name.value)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                inside = self.schema.get_type(condition.name.value) if condition else parent
                part = self._selections(node.selection_set, inside)
            else:
                continue
            total = total.beside(part)
        return total

    def _fragment(self, name: str) -> Measure:
        if name not in self._known:
            fragment = self.fragments[name]
            inside = self.schema.get_type(fragment.type_condition.name.value)
            self._known[name] = self._selections(fragment.selection_set, inside)
        return self._known[name]

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None) -> Measure:
        aliases = int(node.alias is not None)
        definition = _definition(parent, node.name.value)
        if definition is None:
            return Measure(1, aliases, 1)
        if node.selection_set is None:
            return Measure(1, aliases, _leaf(definition))
        inner = self._selections(node.selection_set, get_named_type(definition.type))
        times = self._times(node, definition, parent)
        # Introspection is deep by nature, and validation bounds how deep it is nested.
        depth = 0 if _is_introspection(get_named_type(definition.type)) else inner.depth + 1
        return Measure(depth, inner.aliases + aliases, 1 + inner.cost * times)

    def _times(self, node: FieldNode, definition: GraphQLField, parent: GraphQLNamedType | None) -> float:
        if any(argument in definition.args for argument in SIZE_ARGUMENTS):
            return self._size(node)
        if "ids" in definition.args:
            return self._number_of_ids(node)
        if _is_introspection(parent):
            return _introspection_sizes(self.schema).get(node.name.value, 1)
        return 1

    def _size(self, node: FieldNode) -> int:
        given = {
            argument.name.value: value
            for argument in node.arguments or ()
            if argument.name.value in SIZE_ARGUMENTS and (value := self._value(argument.value)) is not None
        }
        for name, value in given.items():
            if not 1 <= value <= MAX_LIMIT:
                self.problems[name] = f"It must be between 1 and {MAX_LIMIT}"
        if "first" in given and "last" in given:
            self.problems.setdefault("last", "Give either first or last")
        return int(max(given.values(), default=DEFAULT_LIMIT))

    def _number_of_ids(self, node: FieldNode) -> int:
        for argument in node.arguments or ():
            value: Any = argument.value
            given = self.variables.get(value.name.value) if isinstance(value, VariableNode) else None
            if isinstance(value, ListValueNode):
                given = value.values
            if argument.name.value == "ids" and isinstance(given, list | tuple):
                return min(len(given), MAX_LIMIT)
        return MAX_LIMIT

    def _value(self, node: ValueNode | None) -> float | None:
        if isinstance(node, VariableNode):
            name = node.name.value
            if name in self.variables:
                # In JSON, 100 may be written as 100.0, and GraphQL takes that for an Int too.
                value: float | None = self.variables[name]
                return value
            defaults = {one.variable.name.value: one.default_value for one in self.operation.variable_definitions or ()}
            return self._value(defaults.get(name))
        return int(node.value) if isinstance(node, IntValueNode) else None


def cost_of(info: GraphQLResolveInfo[Any]) -> int:
    """Return the price of the operation that is being executed; of a subscription, that of each of its events."""
    variables: Mapping[str, Any] = info.variable_values  # type: ignore[assignment]  # Strawberry gives the plain dict
    return int(Measurer(info.schema, info.fragments, info.operation, variables).measure().cost)


def _definition(parent: GraphQLNamedType | None, name: str) -> GraphQLField | None:
    if name == "__schema":
        return SchemaMetaFieldDef
    if name == "__type":
        return TypeMetaFieldDef
    return parent.fields.get(name) if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType) else None


def _leaf(definition: GraphQLField) -> int:
    own = definition.extensions.get("strawberry-definition")
    letters: int = own.metadata.get("letters", 0) if own is not None else 0
    return price_of_leaf(letters, is_list=is_list_type(get_nullable_type(definition.type)))


def _is_introspection(type_: GraphQLNamedType | None) -> bool:
    return type_ is not None and type_.name.startswith("__")


@cache
def _introspection_sizes(schema: GraphQLSchema) -> Mapping[str, float]:
    """Return how long the lists of introspection are on the average, and how often a type is one `ofType` another."""
    types = list(schema.type_map.values())
    outputs = [type_ for type_ in types if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)]
    fields = [each for type_ in outputs for each in type_.fields.values()]
    arguments = [each for field_ in fields for each in field_.args.values()]
    inputs = [each for type_ in types if isinstance(type_, GraphQLInputObjectType) for each in type_.fields.values()]
    written = [str(each.type) for each in (*fields, *arguments, *inputs)]
    # As `[Item!]!` is written, it is a chain of four types of which three are one of another.
    wraps = sum(text.count("!") + text.count("[") for text in written)
    values = [len(type_.values) for type_ in types if isinstance(type_, GraphQLEnumType)]
    interfaces = sum(len(type_.interfaces) for type_ in outputs) / len(types)
    return {
        "types": len(types),
        "fields": len(fields) / len(types),
        "args": len(arguments) / len(fields),
        "inputFields": len(inputs) / len(types),
        "enumValues": sum(values) / len(types),
        "interfaces": interfaces,
        "possibleTypes": interfaces,
        "directives": len(schema.directives),
        "locations": 1,
        "ofType": wraps / (len(written) + wraps),
    }
