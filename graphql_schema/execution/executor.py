"""How an operation is executed: within a budget of bytes, and in parts, so that others have their turn."""

from collections.abc import Iterable
from json.encoder import encode_basestring
from typing import Any

from graphql import (
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLLeafType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    OperationType,
    get_named_type,
    is_leaf_type,
)
from graphql.execution.collect_fields import FieldDetails
from graphql.pyutils import Path, gather_with_cancel
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from api.core.errors import AppError, answer_too_large
from graphql_schema.door.idempotency import begin_change
from graphql_schema.door.json_text import encode

AT_ONCE = 10
"""A list of so many objects is completed in one go."""


class BoundedExecutor(StrawberryGraphQLCoreExecutionContext):
    """Counts the bytes of the answer while it comes into being, and ends when they are too many.

    Each event of a subscription is executed by a copy of the executor that subscribed and never counts itself.
    """

    _bytes = 0
    _refusal: AppError | None = None

    @property
    def place(self) -> dict[str, Any]:
        """What a refusal tells beside its numbers."""
        return {}

    def execute_operation(self, serially: bool | None = None) -> Any:
        """Execute an operation, or one event; what is too large answers nothing but why."""
        result = super().execute_operation(serially)
        return self._judge_later(result) if self.is_awaitable(result) else self._judge(result)

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: list[FieldDetails],
        path: Path,
        position_context: Any,
    ) -> Any:
        """Execute a field, as long as there is room for it."""
        if path.prev is None and self.operation.operation is OperationType.MUTATION:
            return self._mutate(parent_type, source, field_details_list, path, position_context)
        if self._refusal is not None:
            return None
        self._spend(len(str(path.key)) + 4)
        return super().execute_field(parent_type, source, field_details_list, path, position_context)

    async def _mutate(
        self, parent_type: GraphQLObjectType, source: Any, details: list[FieldDetails], path: Path, position: Any
    ) -> Any:
        """Execute one change. What was done stays done and is told, whatever becomes of those that follow."""
        result = None
        if self._refusal is None:
            begin_change(None if self._has_one_field() else str(path.key))
            result = super().execute_field(parent_type, source, details, path, position)
            if self.is_awaitable(result):
                result = await result
        if self._refusal is not None:
            field = self.schema.get_field(parent_type, details[0].node.name.value)
            assert field is not None  # noqa: S101 - the document proved valid
            self.handle_field_error(self._refusal, field.type, details, path)
            return None
        return result

    def _has_one_field(self) -> bool:
        selections = self.operation.selection_set.selections
        return len(selections) == 1 and isinstance(selections[0], FieldNode)

    def complete_leaf_value(self, return_type: GraphQLLeafType, result: Any) -> Any:  # type: ignore[override]  # static there
        """Complete a leaf and count it."""
        value = super().complete_leaf_value(return_type, result)
        self._spend(_size(value))
        return value

    async def complete_awaitable_value(
        self,
        return_type: GraphQLOutputType,
        field_details_list: list[FieldDetails],
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        """Complete what a resolver waited for, when it is this operation's turn."""
        return await super().complete_awaitable_value(
            return_type, field_details_list, info, path, self._in_turn(result), position_context
        )

    async def _in_turn(self, result: Any) -> Any:
        value = await result
        await self.context_value.turn()
        return value

    def complete_iterable_value(
        self,
        item_type: GraphQLOutputType,
        field_details_list: list[FieldDetails],
        info: GraphQLResolveInfo[Any],
        path: Path,
        items: Iterable[Any],
        position_context: Any,
    ) -> Any:
        """Complete a list, a long one in parts."""
        rows = list(items)
        if len(rows) <= AT_ONCE or is_leaf_type(get_named_type(item_type)):
            return super().complete_iterable_value(item_type, field_details_list, info, path, rows, position_context)
        return self._complete_rows(item_type, field_details_list, info, path, rows, position_context)

    async def _complete_rows(
        self,
        item_type: GraphQLOutputType,
        details: list[FieldDetails],
        info: GraphQLResolveInfo[Any],
        path: Path,
        rows: list[Any],
        position: Any,
    ) -> list[Any]:
        completed: list[Any] = []
        unfinished: list[int] = []
        try:
            for index, row in enumerate(rows):
                await self.context_value.turn()
                place = path.add_key(index, None)
                if self.complete_list_item_value(row, completed, item_type, details, info, place, position):
                    unfinished.append(index)
        except BaseException:
            # A cancellation, too, must not leave behind what the rows began.
            self.settle_in_background([completed[index] for index in unfinished])
            raise
        # The rows go on together, so that their fields are read in one batch.
        finished = await gather_with_cancel(*(completed[index] for index in unfinished))
        for index, value in zip(unfinished, finished, strict=True):
            completed[index] = value
        return completed

    def handle_field_error(
        self, raw_error: Exception, return_type: GraphQLOutputType, field_details_list: list[FieldDetails], path: Path
    ) -> None:
        """Locate an error at the first of its field's nodes: to find each of many takes a walk through the text."""
        super().handle_field_error(raw_error, return_type, field_details_list[:1], path)

    def _spend(self, size: int) -> None:
        self._bytes += size
        most: int = self.context_value.answer_max_bytes
        if self._bytes > most and self._refusal is None:
            self._refusal = answer_too_large(most, **self.place)

    async def _judge_later(self, result: Any) -> ExecutionResult:
        return self._judge(await result)

    def _judge(self, result: Any) -> ExecutionResult:
        if self._refusal is not None and self.operation.operation is not OperationType.MUTATION:
            return ExecutionResult(None, [GraphQLError(self._refusal.message, original_error=self._refusal)])
        assert isinstance(result, ExecutionResult)  # noqa: S101 - nothing is delivered in parts
        return result


def _size(value: Any) -> int:
    """Return how many bytes a leaf takes in the answer."""
    if isinstance(value, str):
        text = encode_basestring(value)
    elif isinstance(value, dict | list):
        text = encode(value)
    else:
        return 8
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
