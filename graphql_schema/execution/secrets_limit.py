"""How many passwords one mutation may bring: each of them is hashed, which is the dearest thing a field can do."""

from collections.abc import Iterator, Mapping

from graphql import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, InlineFragmentNode, SelectionSetNode
from strawberry.extensions import SchemaExtension

from api.core.errors import AppError, ErrorCode
from graphql_schema.execution.documents import chosen_operation

HASHING = (
    "login",
    "createUser",
    "updateMe",
    "updateUser",
    "resetPassword",
    "changeEmail",
    "beginTwoStep",
    "disableTwoStep",
    "renewRecoveryCodes",
)
"""The mutations that hash a password."""

MOST = 5


class SecretsLimit(SchemaExtension):
    """Refuses with `QUERY_TOO_COMPLEX`, before anything runs, what `@skip` or `@include` might leave out included."""

    def on_validate(self) -> Iterator[None]:
        """Count the fields of a document that proved valid."""
        yield
        context = self.execution_context
        operation, document = chosen_operation(context), context.graphql_document
        if operation is None or document is None:
            return
        fragments = {
            node.name.value: node.selection_set
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        found = _count(operation.selection_set, fragments, {})
        if found > MOST:
            message = f"The query is too complex: {found} of its fields bring a password, at most {MOST} allowed."
            raise AppError(ErrorCode.QUERY_TOO_COMPLEX, message, limit="passwords", maximum=MOST, actual=found)


def _count(selections: SelectionSetNode, fragments: Mapping[str, SelectionSetNode], known: dict[str, int]) -> int:
    """Count the fields of the root; a fragment is looked at once, or nesting ones would take exponential time."""
    total = 0
    for node in selections.selections:
        if isinstance(node, FieldNode):
            total += node.name.value in HASHING
        elif isinstance(node, InlineFragmentNode):
            total += _count(node.selection_set, fragments, known)
        elif isinstance(node, FragmentSpreadNode):
            name = node.name.value
            if name not in known:
                known[name] = _count(fragments[name], fragments, known)
            total += known[name]
    return total
