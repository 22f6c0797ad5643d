"""One execution and one serialization per event, for all subscribers who ask for the same.

Whoever watches a workspace may read all of it, so a selection that stays inside the workspace has
the same result for each of them. Such an event is executed once, with the system's eyes, and its
JSON is written once. Fields that depend on who asks are marked `personal`; a selection with one of
them is executed for each subscriber, with the subscriber's own eyes.
"""

import asyncio
import json
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
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
from graphql_schema.executor import BoundedExecutor
from graphql_schema.json_text import encode


class SharedData(dict[str, Any]):
    """The data of a shared result, which remembers its JSON."""

    _json: str | None = None

    @property
    def json(self) -> str:
        """The data as JSON, written at the first call."""
        if self._json is None:
            self._json = encode(self)
        return self._json


class SharedResult:
    """The result of one event, as long as it is worth sharing."""

    def __init__(self, task: "asyncio.Task[ExecutionResult]", keep_seconds: float) -> None:
        self.task = task
        self.started = time.monotonic()
        self._keep_seconds = keep_seconds
        self._stale_at: float | None = None
        task.add_done_callback(self._note_end)

    @property
    def is_fresh(self) -> bool:
        """Whether it may be handed out: its relations grow stale soon after it was made."""
        return self._stale_at is None or time.monotonic() < self._stale_at

    def _note_end(self, task: "asyncio.Task[ExecutionResult]") -> None:
        failed = task.cancelled() or task.exception() is not None or bool(task.result().errors)
        # An error is nothing to keep: who comes next tries again.
        self._stale_at = time.monotonic() + (0 if failed else self._keep_seconds)


class SharedResults:
    """The latest results; who comes too late for one executes the event again."""

    def __init__(self, size: int = 128, keep_seconds: float = 2.0) -> None:
        self._size = size
        self._keep_seconds = keep_seconds
        self._results: OrderedDict[Hashable, SharedResult] = OrderedDict()
        self.executions = 0

    async def get(
        self,
        key: Hashable,
        execute: Callable[[], Coroutine[Any, Any, ExecutionResult]],
        *,
        since: float | None = None,
    ) -> ExecutionResult:
        """Return the result under the key, executing once for all who ask meanwhile, and soon after.

        Whoever comes back expects relations as they are by then: a replay takes nothing that began before `since`.
        """
        while self._results and not next(iter(self._results.values())).is_fresh:
            self._results.popitem(last=False)
        result = self._results.get(key)
        if result is None or not result.is_fresh or (since is not None and result.started < since):
            self.executions += 1
            result = self._results[key] = SharedResult(asyncio.create_task(execute()), self._keep_seconds)
            self._results.move_to_end(key)
            if len(self._results) > self._size:
                self._results.popitem(last=False)
        # One subscriber's going away must not cancel the others' result.
        return await asyncio.shield(result.task)


class SharingExecutor(BoundedExecutor):
    """Executes the events of subscriptions, shared where that is the same for all."""

    _operation_key: str | None = None

    @property
    def place(self) -> dict[str, Any]:
        """The number of an event that is too large: its subscriber goes on after it."""
        return {"seq": self.root_value.seq} if isinstance(self.root_value, Event) else {}

    def build_per_event_executor(self, payload: Any) -> "SharingExecutor":
        """Find out once per subscription whether its events can be shared."""
        if self._operation_key is None:
            self._operation_key = _shared_key(self)
        executor = super().build_per_event_executor(payload)
        assert isinstance(executor, SharingExecutor)  # noqa: S101 - it is a copy of this one
        # graphql-core remembers the collected fields by the identity of lists that are new with every
        # event; shared by all events of a subscription, its memory would grow as long as that lives.
        executor._relevant_sub_fields = {}  # noqa: SLF001 - there is no other way to it
        return executor

    def execute_operation(self, serially: bool | None = None) -> Any:
        """Execute a query or mutation, or one event."""
        event = self.root_value
        return self._tell(event) if isinstance(event, Event) else super().execute_operation(serially)

    async def _tell(self, event: Event) -> ExecutionResult:
        """Execute one event.

        Raises:
            AppError: UNAVAILABLE if the database did not answer; RATE_LIMITED if the subscriber asks for too much at
                once. Half an event would have a number all the same, and a client that goes on after it would
                never see the other half.
        """
        if event.change is None or not self._operation_key:
            result = await self._execute()
        else:
            key = (self._operation_key, event.change.workspace_id, event.seq, event.effect)
            shared: SharedResults = self.context_value.shared
            result = await shared.get(key, self._execute_for_all, since=event.replayed_since)
        for error in result.errors or ():
            known = to_app_error(error.original_error) if error.original_error else None
            if known is not None and known.code in (ErrorCode.UNAVAILABLE, ErrorCode.RATE_LIMITED):
                raise known
        return result

    async def _execute_for_all(self) -> ExecutionResult:
        self.context_value = self.context_value.as_actor(SYSTEM)
        result = await self._execute()
        return ExecutionResult(result.data and SharedData(result.data), result.errors)

    async def _execute(self) -> ExecutionResult:
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
        if field is None or _is_personal(executor, node.selection_set, get_named_type(field.type), set()):
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


def encode_shared(message: object) -> str | None:
    """Return the JSON of an answer, or a socket's message, around shared data; None if there is none."""
    if not isinstance(message, dict):
        return None
    if message.get("type") == "next":
        payload = encode_shared(message["payload"])
        return payload and f'{{"id":{json.dumps(message["id"])},"type":"next","payload":{payload}}}'
    data = message.get("data")
    if isinstance(data, SharedData) and not message.get("errors") and not message.get("extensions"):
        return f'{{"data":{data.json}}}'
    return None
