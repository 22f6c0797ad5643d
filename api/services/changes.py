"""Reading the change log."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from api.core.actor import Actor, require_person
from api.core.errors import AppError, ErrorCode
from api.services import access
from db.logs import Head, Log, LogKind, account_log, workspace_log
from db.repositories import changes
from db.repositories.changes import AnyChange
from db.unit_of_work import ReadUnit

MAX_LETTERS = 250_000
"""Letters of state in one stretch. It is cut there, for who follows a log must never be refused to go on."""


@dataclass(frozen=True)
class Stretch:
    """Entries in order; `seq` is the number of the last entry of the whole log."""

    data: Sequence[AnyChange]
    seq: int
    has_more: bool


async def list_changes(uow: ReadUnit, actor: Actor, workspace_id: UUID, *, after: int, limit: int) -> Stretch:
    """Return the entries after a number, for viewers: at most `limit`, and fewer of large ones.

    Raises:
        AppError: BAD_REQUEST if `after` is beyond the log: the client knows another one.
    """
    return await _read(uow, actor, log_of(actor, workspace_id), after, limit)


async def list_my_changes(uow: ReadUnit, actor: Actor, *, after: int, limit: int) -> Stretch:
    """Return the entries of the caller's own log after a number, as `list_changes` does.

    Raises:
        AppError: UNAUTHENTICATED; FORBIDDEN for an API key; and as `list_changes`.
    """
    return await _read(uow, actor, log_of(actor, None), after, limit)


async def _read(uow: ReadUnit, actor: Actor, log: Log, after: int, limit: int) -> Stretch:
    head = await head_of(uow, actor, log)
    check_cursor(head, after)
    found = await changes.following(uow.session, actor.scope(), log, after, limit, letters=MAX_LETTERS)
    last = found[-1].seq if found else after
    return Stretch(found, head.seq, last < head.seq)


def log_of(actor: Actor, workspace_id: UUID | None) -> Log:
    """Return the name of a workspace's log, or without a workspace of the caller's own.

    Raises:
        AppError: for one's own UNAUTHENTICATED, and FORBIDDEN for an API key: it tells of invitations, which are
            for people, and of workspaces that a key may not see.
    """
    return account_log(require_person(actor).id) if workspace_id is None else workspace_log(workspace_id)


async def head_of(uow: ReadUnit, actor: Actor, log: Log) -> Head:
    """Return how far a log goes that `log_of` named for the actor.

    Raises:
        AppError: UNAUTHENTICATED or NOT_FOUND.
    """
    if log.kind is LogKind.ACCOUNT:
        return await changes.head(uow.session, log)
    workspace = await access.see(uow, actor, log.id)
    return Head(workspace.seq, workspace.trimmed_seq)


def check_cursor(head: Head, after: int) -> None:
    """Refuse a number from which the log cannot be continued.

    Raises:
        AppError: BAD_REQUEST for a number that the log never gave; CURSOR_EXPIRED, with the oldest number
            that is left, if entries after it were removed by retention.
    """
    if after < head.trimmed_seq:
        oldest = head.trimmed_seq + 1
        raise AppError(
            ErrorCode.CURSOR_EXPIRED,
            f"The log begins at {oldest}: read the present state, then go on after its number.",
            oldest=oldest,
        )
    if after > head.seq:
        msg = f"The log ends at {head.seq}; there is no change {after}."
        raise AppError(ErrorCode.BAD_REQUEST, msg, seq=head.seq)
