"""Which operation of a document runs."""

from graphql import OperationDefinitionNode, get_operation_ast
from strawberry.types import ExecutionContext

from api.core.errors import AppError, ErrorCode


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
        raise AppError(ErrorCode.BAD_REQUEST, "Name the operation to run in operationName.")
    return operation
