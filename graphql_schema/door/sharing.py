"""One execution and one serialization per event, for all subscribers who ask for the same.

Whoever watches a workspace may read all of it, so a selection that stays inside the workspace has
the same result for each of them. Such an event is executed once, with the system's eyes, and its
JSON is written once. Fields that depend on who asks are marked `personal`; a selection with one of
them is executed for each subscriber, with the subscriber's own eyes.
"""

import re
from typing import Any

from graphql import (
    ExecutionResult,
    FieldNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLObjectType,
    InlineFragmentNode,
    SelectionSetNode,
    get_named_type,
    print_ast,
)

from api.core.actor import SYSTEM
from api.core.errors import ErrorCode, to_app_error
from api.services.live.events import Event
from graphql_schema.door.context import Context
from graphql_schema.door.shared_results import SharedData, SharedResults
from graphql_schema.execution.executor import BoundedExecutor


class SharingExecutor(BoundedExecutor):
    """Executes the events of subscriptions, shared where that is the same for all."""

    _operation_key: str | None = None

    @property
    def place(self) -> dict[str, Any]:
        """The number of an event that is too large: its subscriber goes on after it."""
        return {"seq": self.root_value.seq} if isinstance(self.root_value, Event) else {}

    def build_per_event_executor(self, payload: Event) -> "SharingExecutor":
        """Find out once per subscription whether its events can be shared."""
        if self._operation_key is None:
            self._operation_key = _shared_key(self)
        executor = super().build_per_event_executor(payload)
        assert isinstance(executor, SharingExecutor)  # noqa: S101 - it is a copy of this one
        # graphql-core remembers the collected fields by the identity of lists that are new with every
        # event; shared by all events of a subscription, its memory would grow as long as that lives.
        executor._relevant_sub_fields = {}  # noqa: SLF001 - there is no other way to it
        context: Context = self.context_value
        context.charge_event(payload.stream)
        executor.context_value = context.for_event(
            SYSTEM if self._operation_key else payload.stream.actor, payload.stream.user_id
        )
        return executor

    def execute_operation(self, serially: bool | None = None) -> Any:
        """Execute a query or mutation, or one event."""
        event = self.root_value
        return self._tell(event) if isinstance(event, Event) else super().execute_operation(serially)

    async def _tell(self, event: Event) -> ExecutionResult:
        """Execute one event, when it is its turn.

        Raises:
            AppError: UNAVAILABLE if the database did not answer; RATE_LIMITED if the subscriber asks for too much at
                once. Half an event would have a number all the same, and a client that goes on after it would
                never see the other half. The reason if the stream's right ended meanwhile.
        """
        if event.change is None:
            return await self._execute()
        if self._operation_key:
            key = (self._operation_key, event.change.workspace_id, event.seq, event.effect)
            shared: SharedResults = self.context_value.shared
            result = await shared.get(key, event.stream, self._execute_for_all, since=event.replayed_since)
        else:
            async with event.stream.turn():
                result = await self._execute()
        event.stream.check()
        for error in result.errors or ():
            known = to_app_error(error.original_error) if error.original_error else None
            if known is not None and known.code in (ErrorCode.UNAVAILABLE, ErrorCode.RATE_LIMITED):
                raise known
        return result

    async def _execute_for_all(self) -> ExecutionResult:
        result = await self._execute()
        if result.errors or not result.data:
            return result
        return ExecutionResult(SharedData(result.data), None)  # type: ignore[arg-type]  # `encode_shared` knows it

    async def _execute(self) -> ExecutionResult:
        await self.context_value.turn()
        result: Any = super().execute_operation(False)
        if self.is_awaitable(result):
            result = await result
        assert isinstance(result, ExecutionResult)  # noqa: S101 - nothing is delivered in parts
        return result


def _shared_key(executor: SharingExecutor) -> str:
    """Return what the result depends on beside the event; empty if it depends on who asks.

    The arguments of the root field choose the events, not what an event looks like: subscribers
    who resume at different numbers share all the same.
    """
    root = executor.schema.subscription_type
    parts: list[str] = []
    for node in executor.operation.selection_set.selections:
        if not isinstance(node, FieldNode) or root is None or node.selection_set is None or node.directives:
            return ""
        field = root.fields.get(node.name.value)
        if field is None or _is_personal_field(executor, node, root, set()):
            return ""
        alias = node.alias.value if node.alias else ""
        parts.append(f"{alias}:{node.name.value}{print_ast(node.selection_set)}")
    parts += [print_ast(fragment.definition) for _, fragment in sorted(executor.fragments.items())]
    # A variable that was not given is not the same as one that is null.
    given = executor.variable_values.coerced
    values = {name: given[name] for name in _variables("\n".join(parts)) if name in given}
    return "\n".join([*parts, repr(sorted(values.items()))])


def _is_personal(
    executor: SharingExecutor, selections: SelectionSetNode | None, parent: GraphQLNamedType | None, seen: set[str]
) -> bool:
    """Return whether a field that depends on who asks is among the selections, at any depth."""
    for node in selections.selections if selections else ():
        if isinstance(node, FieldNode):
            if _is_personal_field(executor, node, parent, seen):
                return True
        elif isinstance(node, InlineFragmentNode):
            condition = node.type_condition
            inside = executor.schema.get_type(condition.name.value) if condition else parent
            if _is_personal(executor, node.selection_set, inside, seen):
                return True
        elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
            seen.add(node.name.value)
            fragment = executor.fragments[node.name.value].definition
            inside = executor.schema.get_type(fragment.type_condition.name.value)
            if _is_personal(executor, fragment.selection_set, inside, seen):
                return True
    return False


def _is_personal_field(
    executor: SharingExecutor, node: FieldNode, parent: GraphQLNamedType | None, seen: set[str]
) -> bool:
    name = node.name.value
    if name.startswith("__"):
        return False
    field = parent.fields.get(name) if isinstance(parent, GraphQLObjectType) else None
    if field is None:
        return True
    own = (field.extensions or {}).get("strawberry-definition")
    if own is not None and own.metadata.get("personal"):
        return True
    return _is_personal(executor, node.selection_set, get_named_type(field.type), seen)


def _variables(text: str) -> set[str]:
    return set(re.findall(r"\$(\w+)", text))
