"""The schema: its types in an explicit list, its extensions, and the rendering of errors."""

from collections.abc import AsyncIterator
from functools import cache
from typing import Any

import strawberry
from graphql import GraphQLError, GraphQLNonNull
from strawberry.extensions import DisableIntrospection
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from api.config import Settings
from api.core.errors import AppError, ErrorCode
from graphql_schema.api_keys import ApiKeyMutation, ApiKeyQuery
from graphql_schema.changes import ChangeQuery
from graphql_schema.door.context import Context
from graphql_schema.door.errors import hide_suggestions, render_errors
from graphql_schema.door.identification import Identification
from graphql_schema.door.sharing import SharingExecutor
from graphql_schema.execution.documents import Documents
from graphql_schema.execution.limits import Limits, limit_queries
from graphql_schema.execution.secrets_limit import SecretsLimit
from graphql_schema.execution.variables import VariableCheck
from graphql_schema.files import FileMutation, FileQuery
from graphql_schema.ids import FormerName, take_uuids
from graphql_schema.invitations import InvitationMutation, InvitationQuery
from graphql_schema.items import ItemMutation, ItemQuery
from graphql_schema.jobs import JobMutation, JobQuery
from graphql_schema.live import Subscription
from graphql_schema.mail import MailMutation
from graphql_schema.members import MemberMutation, MemberQuery
from graphql_schema.messages import MessageMutation, MessageQuery
from graphql_schema.nodes import NodeQuery
from graphql_schema.oidc import OidcMutation
from graphql_schema.scalars import SCALARS, read_json_literals
from graphql_schema.security import SecurityQuery
from graphql_schema.sessions import SessionMutation, SessionQuery
from graphql_schema.two_step import TwoStepMutation
from graphql_schema.uploads import UploadMutation, UploadQuery
from graphql_schema.users import UserMutation, UserQuery
from graphql_schema.webhooks import WebhookMutation, WebhookQuery
from graphql_schema.workspaces import WorkspaceMutation, WorkspaceQuery

ANSWERED_ONCE = (OperationType.QUERY, OperationType.MUTATION)
NEEDS_A_STREAM = (
    "A subscription needs a stream: send `Accept: text/event-stream`, or use a socket with graphql-transport-ws."
)


@strawberry.type(description="Reading. Every field but `node` and `nodes` is an operation of the REST door too.")
class Query(
    NodeQuery,
    UserQuery,
    SessionQuery,
    ApiKeyQuery,
    SecurityQuery,
    WorkspaceQuery,
    MemberQuery,
    InvitationQuery,
    ItemQuery,
    MessageQuery,
    FileQuery,
    UploadQuery,
    ChangeQuery,
    WebhookQuery,
    JobQuery,
):
    """All queries."""


@strawberry.type(
    description="Writing. Each field is one transaction; they run one after the other. "
    "One that fails is null, and takes no other with it."
)
class Mutation(
    SessionMutation,
    ApiKeyMutation,
    TwoStepMutation,
    OidcMutation,
    UserMutation,
    MailMutation,
    WorkspaceMutation,
    MemberMutation,
    InvitationMutation,
    ItemMutation,
    MessageMutation,
    FileMutation,
    UploadMutation,
    WebhookMutation,
    JobMutation,
):
    """All mutations."""


class NeedsStreamError(AppError):
    """A subscription over a transport that answers once."""

    def __init__(self) -> None:
        super().__init__(ErrorCode.BAD_REQUEST, NEEDS_A_STREAM)


class Schema(strawberry.Schema):
    """A schema whose results carry errors of the catalogue only, over every transport."""

    is_hidden = False
    """Whether clients may not find out what it holds."""

    def process_errors(self, errors: list[GraphQLError], execution_context: Any = None) -> None:
        """Log nothing here: errors are logged, once, where they are rendered."""

    async def execute(self, *args: Any, **kwargs: Any) -> ExecutionResult:
        """Execute a query or mutation.

        Raises:
            NeedsStreamError: it is a subscription, which has more answers than one.
        """
        kwargs["allowed_operation_types"] = ANSWERED_ONCE
        try:
            result: ExecutionResult = await super().execute(*args, **kwargs)
        except InvalidOperationTypeError as error:
            raise NeedsStreamError from error
        return self._rendered(result, kwargs["context_value"])  # type: ignore[no-any-return]  # it is the one given

    async def stream(self, *args: Any, **kwargs: Any) -> Any:
        """Execute any operation for a transport that streams."""
        source = await super().stream(*args, **kwargs)

        async def results() -> AsyncIterator[Any]:
            try:
                async for result in source:
                    yield self._rendered(result, kwargs["context_value"])
            except Exception as error:  # noqa: BLE001 - as `execute` does: whatever an extension raised
                known = error if isinstance(error, GraphQLError) else GraphQLError(str(error), original_error=error)
                failure = PreExecutionError(data=None, errors=[known])
                yield self._rendered(failure, kwargs["context_value"])

        return results()

    def _rendered(self, result: Any, context: Context) -> Any:
        if result.errors:
            result.errors = render_errors(result.errors, context.record)
            if self.is_hidden:
                hide_suggestions(result.errors)
        return result


def create_schema(settings: Settings) -> Schema:
    """Return the schema with the limits of the settings: the same one for the same limits."""
    limits = Limits(
        characters=settings.graphql_max_characters,
        depth=settings.graphql_max_depth,
        aliases=settings.graphql_max_aliases,
        tokens=settings.graphql_max_tokens,
        cost=settings.graphql_max_cost,
    )
    return _schema_of(limits, is_hidden=not settings.graphql_introspection)


@cache
def _schema_of(limits: Limits, *, is_hidden: bool) -> Schema:
    extensions: list[Any] = [
        limit_queries(limits),
        Identification,
        FormerName,
        Documents,
        VariableCheck,
        SecretsLimit,
    ]
    if is_hidden:
        extensions.append(DisableIntrospection)
    schema = Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        execution_context_class=SharingExecutor,
        extensions=extensions,
        config=StrawberryConfig(scalar_map=SCALARS),
    )
    schema.is_hidden = is_hidden
    take_uuids(schema._schema)  # noqa: SLF001 - no public name
    _let_root_fields_fail_alone(schema)
    read_json_literals(schema._schema)  # noqa: SLF001 - no public name
    return schema


def _let_root_fields_fail_alone(schema: Schema) -> None:
    """Make the results of all root fields nullable.

    A failing field makes its nearest nullable parent null (GraphQL specification, "Handling Execution Errors"). At the
    root that would be the whole answer, with mutations in it that were committed. A subscription has one root field.
    """
    for root in (schema._schema.query_type, schema._schema.mutation_type):  # noqa: SLF001 - no public name
        for field in root.fields.values() if root else ():
            if isinstance(field.type, GraphQLNonNull):
                field.type = field.type.of_type
