"""Importing rows: a check that writes nothing, then one transaction that writes all of them."""

from collections.abc import Callable, Iterable, Iterator
from uuid import UUID

from api.core.account_names import account_name
from api.core.actor import Actor
from api.core.errors import AppError, ErrorCode, conflict
from api.core.permissions import Permission
from api.services import access, log
from api.services.transfer.checking import Checker, ImportPlan, Tally
from api.services.transfer.rows import BadRow, Row
from db.models import Item
from db.repositories import members, transfer
from db.unit_of_work import ReadUnit, UnitOfWork

BATCH = 500

OnBad = Callable[[BadRow], None]
"""Is told about each bad row."""


async def plan_import(
    uow: ReadUnit, actor: Actor, workspace_id: UUID, *, owner: str | None, new_ids: bool, skip_bad: bool
) -> ImportPlan:
    """Find the workspace and who will own what names nobody: a member, or else the longest-serving admin.

    Raises:
        AppError: NOT_FOUND for the workspace or the member.
    """
    workspace = await access.see(uow, actor, workspace_id)
    if owner is None:
        admin = await members.first_admin(uow.session, workspace.id)
        if admin is None:
            raise conflict("The workspace has no admin to own the rows; name a member with --owner.")
        return ImportPlan(workspace.id, admin.id, new_ids, skip_bad)
    accounts = await transfer.accounts_of(uow.session, [account_name(owner)])
    found = await transfer.members_among(uow.session, workspace.id, list(accounts.values()))
    if not found:
        sentence = f"Nobody with the e-mail address {owner} is a member of the workspace."
        raise AppError(ErrorCode.NOT_FOUND, sentence)
    return ImportPlan(workspace.id, found[0], new_ids, skip_bad)


async def check_rows(
    uow: ReadUnit, actor: Actor, plan: ImportPlan, rows: Iterable[Row | BadRow], *, on_bad: OnBad
) -> Tally:
    """Say what an import would do, without writing and without keeping others from it."""
    await access.see(uow, actor, plan.workspace_id)
    checker = Checker(uow.session, plan)
    for batch in _batches(rows, checker.tally, on_bad):
        _, bad = await checker.check(batch)
        for row in bad:
            on_bad(row)
    return checker.tally


async def import_rows(
    uow: UnitOfWork, actor: Actor, plan: ImportPlan, rows: Iterable[Row | BadRow], *, on_bad: OnBad
) -> Tally:
    """Write the rows, each with its change, under one lock of the workspace, for its admins.

    All is checked again with the lock held: since the check, an id may have been taken.

    Raises:
        AppError: VALIDATION_ERROR at bad rows that the plan does not let skip; nothing must be committed then.
    """
    await access.enter(uow, actor, plan.workspace_id, Permission.MANAGE)
    checker = Checker(uow.session, plan)
    for batch in _batches(rows, checker.tally, on_bad):
        accepted, bad = await checker.check(batch)
        for row in bad:
            on_bad(row)
        if checker.tally.bad and not plan.skip_bad:
            raise AppError(ErrorCode.VALIDATION_ERROR, "Nothing was imported, because of a bad row.")
        new = [entry.table(**entry.values) for entry in accepted]
        if new:
            # Items first: a thread's messages refer to them.
            await uow.session.insert(*sorted(new, key=lambda row: not isinstance(row, Item)))
            await log.record(uow, actor, plan.workspace_id, [log.created(row) for row in new])
            uow.session.expunge(new)
    return checker.tally


def _batches(rows: Iterable[Row | BadRow], tally: Tally, on_bad: OnBad) -> Iterator[list[Row]]:
    """Return the good rows a batch at a time; the bad ones are told and counted on the way.

    Bad rows fill a batch too, or a file of nothing else would be read to its end before anybody
    notices that there is nothing to write.
    """
    batch: list[Row] = []
    taken = 0
    for row in rows:
        taken += 1
        if isinstance(row, BadRow):
            tally.bad += 1
            on_bad(row)
        else:
            batch.append(row)
        if taken == BATCH:
            yield batch
            batch, taken = [], 0
    if taken:
        yield batch
