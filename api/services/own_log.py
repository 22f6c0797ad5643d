"""Writing the logs that accounts have of their own: what each belongs to, and where it is asked in.

They keep live what `list_workspaces` and `list_invitations` answer an account: whatever changes one of these lists
tells so here, in the transaction that makes the change, under the last of its locks (see `access`). Only what
ends with time is not told: an invitation says itself until when it counts.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from api.core.actor import Actor
from api.schemas.invitations import InvitationRead
from api.services import access, log
from db.clock import utc_now
from db.models import ChangeKind, Invitation, Member, OwnEntityKind, User, Workspace
from db.repositories import invitations, own_logs
from db.repositories.invitations import Condition
from db.repositories.own_logs import Audience
from db.unit_of_work import UnitOfWork

State = dict[str, Any]


@dataclass(frozen=True)
class News:
    """An entry that has no number yet."""

    workspace_id: UUID
    kind: ChangeKind
    entity: OwnEntityKind
    entity_id: UUID
    state: State | None
    changed: State

    @classmethod
    def of(cls, workspace: Workspace, entry: log.Entry) -> "News":
        """Return what the log of a workspace tells. Of the workspace itself the state says how far its log is."""
        state, entity = entry.state, OwnEntityKind(entry.entity)
        if state is not None and entity is OwnEntityKind.WORKSPACE:
            state = {**state, "seq": workspace.seq}
        return cls(workspace.id, entry.kind, entity, entry.entity_id, state, entry.changed)


@dataclass(frozen=True)
class Telling:
    """Who is told what."""

    audience: Audience
    news: Sequence[News]


def came(member: Member, workspace: Workspace) -> Telling:
    """Return what a new member is told: the workspace, and what it is there."""
    entries = (log.created(workspace), log.created(member))
    return Telling(own_logs.only(member.user_id), [News.of(workspace, entry) for entry in entries])


def went(member: Member, workspace: Workspace) -> Telling:
    """Return what somebody is told who is a member no longer."""
    entries = (log.deleted(member), log.deleted(workspace))
    return Telling(own_logs.only(member.user_id), [News.of(workspace, entry) for entry in entries])


def to_members(workspace: Workspace, entry: log.Entry) -> Telling:
    """Return what all members are told of their workspace. If it is deleted, tell before they are."""
    return Telling(own_logs.members_of(workspace.id), [News.of(workspace, entry)])


def invited(invitation: Invitation, before: State | None) -> Telling:
    """Return what the account that reads the address is told of an invitation that is new, or was this before."""
    return _of_invitation(before, shown(invitation))


def uninvited(invitation: Invitation) -> Telling:
    """Return what it is told of an invitation that ends."""
    return _of_invitation(shown(invitation), None)


def shown(invitation: Invitation) -> State:
    """Return the state of an invitation, as its list shows it."""
    return InvitationRead.model_validate(invitation).model_dump(mode="json")


async def open_invitations(uow: UnitOfWork, condition: Condition) -> Mapping[str, State]:
    """Return the states of those that count and fulfil a condition, to compare them with those afterwards."""
    found = await invitations.all_open(uow.session, condition)
    return {str(invitation.id): shown(invitation) for invitation in found}


def differences(
    before: Mapping[str, State], after: Mapping[str, State], audience: Audience | None = None
) -> Iterator[Telling]:
    """Yield what those who are invited, or else an audience, are told of what became of invitations."""
    for key in sorted({*before, *after}):
        if before.get(key) != after.get(key):
            yield _of_invitation(before.get(key), after.get(key), audience)


def _of_invitation(before: State | None, state: State | None, audience: Audience | None = None) -> Telling:
    whole = state or before or {}
    kind, changed = ChangeKind.CREATED, before or {}
    if before is not None:
        kind = ChangeKind.DELETED if state is None else ChangeKind.UPDATED
    if state is not None:
        changed = {name: value for name, value in changed.items() if value != state[name]}
    place, key = UUID(whole["workspace_id"]), UUID(whole["id"])
    news = News(place, kind, OwnEntityKind.INVITATION, key, state, changed)
    return Telling(audience or own_logs.readers_of(whole["email"]), [news])


async def hold(uow: UnitOfWork, *audiences: Audience) -> None:
    """Lock the logs of all who may be told something, at once, so that nobody waits for one with another one in hand.

    It is done before any row is written that refers to an account: whoever changes the address of that account
    holds its log, and waits for such rows.
    """
    await own_logs.hold(uow.session, audiences)


async def tell(uow: UnitOfWork, actor: Actor, *tellings: Telling) -> None:
    """Write news into the logs of those who are told, which are held, in the order given.

    The statements are the same whether or not an address has an account.
    """
    now = utc_now()
    for telling in tellings:
        last = await own_logs.take_seqs(uow.session, telling.audience, len(telling.news))
        for number, news in enumerate(telling.news, 1):
            row = {
                "at": now,
                "actor_id": actor.user_id,
                "workspace_id": news.workspace_id,
                "kind": news.kind,
                "entity": news.entity,
                "entity_id": news.entity_id,
                "state": news.state,
                "changed": news.changed,
            }
            await own_logs.append(uow.session, last.keys(), len(telling.news) - number, row)
        uow.own_seqs |= last


@asynccontextmanager
async def changing(uow: UnitOfWork, actor: Actor, user: User, values: Mapping[str, object]) -> AsyncIterator[None]:
    """Lock what a change of an account needs, and tell if the block makes, ends or changes invitations.

    They are those that the account sent, which show its name and count as long as it is not disabled, and those to
    its address. Who writes an address holds the log of its account by then: who holds a log may wait for the address.
    """
    different = {name for name, value in values.items() if getattr(user, name) != value}
    own = own_logs.only(user.id)
    watched: list[tuple[Condition, Audience | None]] = []
    concerned: list[Audience] = []
    if different & {"name", "disabled"}:
        await access.enter_all_of(uow, user)
        watched.append((invitations.from_inviter(user.id), None))
        concerned.append(own_logs.invited_by(user.id))
    if different & {"email", "email_verified_at"}:
        watched.append((invitations.addressed_to(user.id), own))
        concerned.append(own)
    if concerned:
        await hold(uow, *concerned)
    before = [await open_invitations(uow, condition) for condition, _ in watched]
    yield
    tellings: list[Telling] = []
    for (condition, audience), known in zip(watched, before, strict=True):
        tellings += differences(known, await open_invitations(uow, condition), audience)
    await tell(uow, actor, *tellings)
