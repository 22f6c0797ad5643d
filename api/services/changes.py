"""Reading the change log."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from api.core.actor import Actor
from api.core.errors import AppError, ErrorCode
from api.services import access
from db.models import Change, Workspace
from db.repositories import changes
from db.unit_of_work import ReadUnit

MAX_LETTERS = 250_000
"""Letters of state in one stretch. It is cut there, for who follows a log must never be refused to go on."""


@dataclass(frozen=True)
class Stretch:
    """Entries in order; `seq` is the number of the last entry of the whole log."""

    data: Sequence[Change]
    seq: int
    has_more: bool


async def list_changes(uow: ReadUnit, actor: Actor, workspace_id: UUID, *, after: int, limit: int) -> Stretch:
    """Return the entries after a number, for viewers: at most `limit`, and fewer of large ones.

    Raises:
        AppError: BAD_REQUEST if `after` is beyond the log: the client knows another one.
    """
    workspace = await access.see(uow, actor, workspace_id)
    check_cursor(workspace, after)
    found = await changes.after(uow.session, actor.scope(), workspace_id, after, limit, letters=MAX_LETTERS)
    last = found[-1].seq if found else after
    return Stretch(found, workspace.seq, last < workspace.seq)


def check_cursor(workspace: Workspace, after: int) -> None:
    """Refuse a number from which the log cannot be continued.

    Raises:
        AppError: BAD_REQUEST for a number that the log never gave; CURSOR_EXPIRED, with the oldest number
            that is left, if entries after it were removed by retention.
    """
    if after < workspace.trimmed_seq:
        oldest = workspace.trimmed_seq + 1
        raise AppError(
            ErrorCode.CURSOR_EXPIRED,
            f"The log begins at {oldest}: read the present state, then go on after its number.",
            oldest=oldest,
        )
    if after > workspace.seq:
        msg = f"The log ends at {workspace.seq}; there is no change {after}."
        raise AppError(ErrorCode.BAD_REQUEST, msg, seq=workspace.seq)
