"""What an operation may cost, decided before its first statement runs.

The cheap checks come first: characters bound the lexer, tokens the parser and validation, depth and
aliases the shape, and the price what may come back.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

from graphql import FragmentDefinitionNode, OperationType, Source, TokenKind
from graphql.language import Lexer
from strawberry.extensions import SchemaExtension
from strawberry.schema.exceptions import InvalidOperationTypeError

from api.core.budget import NAME, Balance
from api.core.errors import AppError, ErrorCode, invalid
from graphql_schema.execution.documents import chosen_operation
from graphql_schema.execution.price import Measure, Measurer

MAX_WORD = 200
"""Characters of a name or a number: what is longer makes errors long and numbers slow."""

WORDS = (TokenKind.NAME, TokenKind.INT, TokenKind.FLOAT)


@dataclass(frozen=True)
class Limits:
    """The most that an operation may have of each."""

    characters: int
    tokens: int
    depth: int
    aliases: int
    cost: int


class Payment(SchemaExtension):
    """Lets the caller pay once for an operation, and tells what remains."""

    balance: Balance | None = None
    is_paid = False

    async def on_operation(self) -> AsyncIterator[None]:
        """Let the caller pay for an operation that was not begun, too: to read and judge it was work."""
        is_read_again = False
        try:
            yield
        except InvalidOperationTypeError:
            # A subscription, where answers come once: the door reads it as a stream, or lets the caller pay.
            is_read_again = True
            raise
        finally:
            if not self.is_paid and not is_read_again:
                await self.execution_context.context.charge_reading()

    async def pay(self, cost: int, kind: OperationType) -> None:
        """Spend the price of an operation that proved valid.

        Raises:
            AppError: as `api.dependencies.charge`.
        """
        balance = await self.execution_context.context.charge(cost)
        self.is_paid = True
        if kind is not OperationType.SUBSCRIPTION:
            self.balance = balance

    def get_results(self) -> dict[str, Any]:
        """Tell what remains of the budget; on a socket there is no other place to tell it."""
        balance = self.balance
        if balance is None:
            return {}
        return {NAME: {"limit": balance.limit, "remaining": balance.remaining, "reset": balance.reset}}


def limit_queries(limits: Limits) -> type[SchemaExtension]:
    """Return the extension that refuses what is too large with `QUERY_TOO_COMPLEX` and the numbers."""

    class QueryLimits(Payment):
        """Checks the text before it is parsed and the document after it proved valid."""

        def on_parse(self) -> Iterator[None]:
            """Bound the work of the parser and of validation."""
            query = self.execution_context.query or ""
            _check("characters", len(query), limits.characters)
            _check_tokens(query, limits.tokens)
            yield

        async def on_validate(self) -> AsyncIterator[None]:
            """Bound the work of execution, refuse sizes of lists that are out of range, and let the caller pay."""
            yield
            context = self.execution_context
            operation = chosen_operation(context)
            document = context.graphql_document
            if operation is not None and document is not None:
                parts = (node for node in document.definitions if isinstance(node, FragmentDefinitionNode))
                fragments = {node.name.value: node for node in parts}
                schema = context.schema._schema  # noqa: SLF001 - no public name
                measurer = Measurer(schema, fragments, operation, context.variables or {})
                measure = measurer.measure()
                if measurer.problems:
                    raise invalid(measurer.problems.items())
                _check_measure(measure, limits)
                await self.pay(int(measure.cost), operation.operation)

    return QueryLimits


def _check_tokens(query: str, most: int) -> None:
    lexer = Lexer(Source(query))
    for _ in range(most + 1):
        token = lexer.advance()
        if token.kind is TokenKind.EOF:
            return
        if token.kind in WORDS:
            _check("longest word", token.end - token.start, MAX_WORD)
    raise _too_complex("tokens", most, None)


def _check_measure(measure: Measure, limits: Limits) -> None:
    _check("depth", measure.depth, limits.depth)
    _check("aliases", measure.aliases, limits.aliases)
    _check("cost", int(measure.cost), limits.cost)


def _check(what: str, found: int, most: int) -> None:
    if found > most:
        raise _too_complex(what, most, found)


def _too_complex(what: str, most: int, found: int | None) -> AppError:
    size = f"more than {most}" if found is None else str(found)
    message = (
        f"The query is too complex: its {what} {'are' if what.endswith('s') else 'is'} {size}, at most {most} allowed."
    )
    details = {"limit": what, "maximum": most} | ({} if found is None else {"actual": found})
    return AppError(ErrorCode.QUERY_TOO_COMPLEX, message, **details)
