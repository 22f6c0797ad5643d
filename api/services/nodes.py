"""Reading anything again by its id, whatever it is."""

from collections.abc import Sequence
from uuid import UUID

from api.core.actor import Actor
from api.core.node_keys import ChangeKey, MemberKey, NodeKey
from api.services.users import known_to
from db.models import Change, File, Item, Member, Message, User, Workspace
from db.repositories import changes, files, items, members, messages, users, workspaces
from db.unit_of_work import ReadUnit

Node = User | Workspace | Item | Message | File | Member | Change


async def get_nodes(uow: ReadUnit, actor: Actor, keys: Sequence[NodeKey]) -> Sequence[Node | None]:
    """Return what these keys mean, in their order; None for what is not there or not for this caller.

    One statement per kind, and none for kinds that cannot be meant any more. A user is there for
    whoever shares a workspace with it and for administrators; what its members see, for them.
    """
    scope = actor.scope()
    found: dict[NodeKey, Node] = {}
    wanted = list(dict.fromkeys(key for key in keys if isinstance(key, UUID)))
    # Clients choose the ids of items and messages: they come last, so that nobody can take a colleague's place.
    if wanted:
        found |= {row.id: row for row in await users.find_known(uow.session, known_to(actor), wanted)}
    for find_many in (workspaces.find_many, items.find_many, messages.find_many, files.find_many):
        if missing := [key for key in wanted if key not in found]:
            found |= {row.id: row for row in await find_many(uow.session, scope, missing)}
    if pairs := {key for key in keys if isinstance(key, MemberKey)}:
        rows = await members.find_many(uow.session, scope, pairs)
        found |= {MemberKey(row.workspace_id, row.user_id): row for row in rows}
    if entries := {key for key in keys if isinstance(key, ChangeKey)}:
        log = await changes.find_many(uow.session, scope, entries)
        found |= {ChangeKey(row.workspace_id, row.seq): row for row in log}
    return [found.get(key) for key in keys]
