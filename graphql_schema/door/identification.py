"""Who calls is found out before what was sent is judged."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)
from strawberry.extensions import SchemaExtension
from strawberry.types import ExecutionContext

from api.core.actor import require_user
from graphql_schema.door.context import Context
from graphql_schema.execution.documents import chosen_operation


class Identification(SchemaExtension):
    """Identifies the caller before the text is parsed, and refuses nobody before the document is judged."""

    async def on_parse(self) -> AsyncIterator[None]:
        """Identify the caller."""
        context: Context = self.execution_context.context
        await context.identify()
        # To read and judge a document is work that cannot be parted: of an actor's documents one at a time.
        await context.turn()
        context.refuse_used_up()
        yield

    def on_validate(self) -> Iterator[None]:
        """Refuse who is not signed in, unless all that is asked for is for anyone."""
        execution = self.execution_context
        context: Context = execution.context
        operation = chosen_operation(execution)
        if operation is not None:
            fields = list(_root_fields(execution, operation))
            context.record.operation = ",".join(fields)[:200]
            if context.actor.user_id is None and not all(_is_public(execution, operation, name) for name in fields):
                require_user(context.actor)
        yield


def _root_fields(execution: ExecutionContext, operation: OperationDefinitionNode) -> Iterator[str]:
    """Yield the names of the fields that the operation asks for at its root, through fragments too."""
    assert execution.graphql_document is not None  # noqa: S101 - parsed before
    fragments = {
        node.name.value: node
        for node in execution.graphql_document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    todo: list[SelectionSetNode] = [operation.selection_set]
    while todo:
        for node in todo.pop().selections:
            if isinstance(node, FieldNode):
                yield node.name.value
            elif isinstance(node, InlineFragmentNode):
                todo.append(node.selection_set)
            elif isinstance(node, FragmentSpreadNode) and node.name.value in fragments:
                # Each is followed once.
                todo.append(fragments.pop(node.name.value).selection_set)


def _is_public(execution: ExecutionContext, operation: OperationDefinitionNode, name: str) -> bool:
    """Return whether a field is for anyone: signing up and in, introspection, and what validation will refuse."""
    root: Any = execution.schema._schema.get_root_type(operation.operation)  # noqa: SLF001 - no public name
    field = root.fields.get(name)
    return field is None or field.extensions["strawberry-definition"].metadata.get("public", False)
