"""The log that an account has of its own: with it a client keeps its workspaces and invitations live."""

from collections.abc import Awaitable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import update

from api.core.actor import SYSTEM
from api.schemas.items import ItemCreate
from api.schemas.workspaces import MemberAdd, WorkspaceCreate
from api.services.items import create_item
from api.services.live.bus import LocalBus
from api.services.live.hub import Hub
from api.services.live.options import HubOptions
from api.services.members import add_member, remove_member
from api.services.retention import trim_logs
from api.services.workspaces import create_workspace
from db.clock import utc_now
from db.logs import account_log, workspace_log
from db.models import OwnChange
from db.repositories import changes
from db.unit_of_work import UnitOfWork
from tests.doors.door import Door
from tests.doors.inviting import TOKEN, confirm, listed, send
from tests.doors.people import Person, World
from tests.doors.refusals import refused
from tests.doors.rows import all_rows
from tests.streams.following import following
from tests.streams.writing import NEVER, write

Entry = dict[str, Any]


class Lists:
    """What a client knows of somebody's workspaces, roles and invitations: read once, and then only told."""

    def __init__(self, door: Door, person: Person) -> None:
        self.door = door
        self.person = person
        self.seq = 0
        self.known: dict[str, dict[str, Any]] = {"workspace": {}, "member": {}, "invitation": {}}

    async def read(self) -> "Lists":
        """Read the number of the log, and then the state."""
        self.seq = (await self.door.call("get_me", token=self.person.token))["seq"]
        for kind, rows in (await self._asked()).items():
            self.known[kind] = rows
        return self

    async def _asked(self) -> dict[str, dict[str, Any]]:
        workspaces = (await self.door.call("list_workspaces", token=self.person.token, limit=100))["data"]
        invitations = await listed(self.door, self.person.token, limit=100)
        return {"workspace": _by_id(workspaces), "invitation": _by_id(invitations)}

    async def follow(self) -> list[Entry]:
        """Take in what was told since; return it."""
        page = await self.door.call("list_my_changes", token=self.person.token, after=self.seq, limit=100)
        entries: list[Entry] = page["data"]
        assert [entry["seq"] for entry in entries] == list(range(self.seq + 1, page["seq"] + 1))
        assert not page["has_more"]
        for entry in entries:
            self._take(entry)
        self.seq = page["seq"]
        return entries

    def _take(self, entry: Entry) -> None:
        kind, place = entry["entity"], entry["workspace_id"]
        key = place if kind == "member" else entry["entity_id"]
        if entry["state"] is not None:
            self.known[kind][key] = {name: value for name, value in entry["state"].items() if name != "seq"}
            return
        self.known[kind].pop(key, None)
        if kind == "workspace":
            self.known["member"].pop(key, None)

    async def check(self, what: str = "") -> list[Entry]:
        """Compare what is known with what is asked for now."""
        entries = await self.follow()
        assert {kind: self.known[kind] for kind in ("workspace", "invitation")} == await self._asked(), what
        return entries


def _by_id(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {row["id"]: {name: value for name, value in row.items() if name != "seq"} for row in rows}


ASKED, ASKED_AGAIN, ASKED_NO_MORE = ("created", "invitation"), ("updated", "invitation"), ("deleted", "invitation")
LET_IN = [("created", "workspace"), ("created", "member")]
LET_OUT = [("deleted", "member"), ("deleted", "workspace")]


class Story:
    """What others do, and what the stranger is told of it."""

    def __init__(self, door: Door, world: World) -> None:
        self.door = door
        self.world = world
        self.garden = str(world.workspace)
        self.mine = Lists(door, world.stranger)
        self._steps = 0

    async def call(self, operation: str, by: Person, **arguments: Any) -> Any:
        return await self.door.call(operation, token=by.token, **arguments)

    async def rename(self, name: str) -> None:
        await self.call("update_workspace", self.world.admin, id=self.garden, data={"name": name})

    async def role(self, of: Person, role: str, *, by: Person | None = None, place: UUID | None = None) -> None:
        where = {"id": str(place or self.garden), "user_id": str(of.id)}
        await self.call("update_member", by or self.world.admin, **where, data={"role": role})

    async def add(self, who: Person) -> None:
        await self.call("add_member", self.world.admin, id=self.garden, data={"user_id": str(who.id)})

    async def remove(self, who: Person) -> None:
        await self.call("remove_member", self.world.admin, id=self.garden, user_id=str(who.id))

    async def ask(self, by: Person, place: UUID | None = None, **data: Any) -> None:
        data["email"] = self.world.stranger.email
        await self.call("invite_member", by, id=str(place or self.garden), data=data)

    async def change(self, of: Person, **data: Any) -> None:
        await self.call("update_user", self.world.administrator, id=str(of.id), data=data)

    async def answer(self, how: str) -> None:
        [invitation] = self.mine.known["invitation"]
        await self.call(f"{how}_invitation", self.world.stranger, data={"invitation_id": invitation})

    async def revoke(self) -> None:
        [invitation] = self.mine.known["invitation"]
        await self.call("revoke_invitation", self.world.admin, id=invitation)

    async def see(self, *expected: tuple[str, str], what: Awaitable[Any], compare: bool = False) -> list[Entry]:
        """Let something happen, and compare what is told of it, and on demand what is known then."""
        await what
        entries = await self.mine.follow()
        assert [(entry["kind"], entry["entity"]) for entry in entries] == list(expected)
        if compare:
            await self.mine.check()
        return entries


async def test_whoever_reads_an_address_is_told_of_each_invitation_as_long_as_it_counts(
    door: Door, world: World, app: FastAPI
) -> None:
    admin, editor, stranger = world.admin, world.editor, world.stranger
    await confirm(app, stranger)
    story = Story(door, world)
    await story.mine.read()
    # It shows who asks, where to and as what.
    [asked] = await story.see(ASKED, what=story.ask(admin, role="viewer"), compare=True)
    assert asked["state"] == story.mine.known["invitation"][asked["entity_id"]]
    assert (asked["workspace_id"], asked["actor_id"], asked["changed"]) == (story.garden, str(admin.id), {})
    [again] = await story.see(ASKED_AGAIN, what=story.ask(admin))
    assert again["changed"] == {name: asked["state"][name] for name in ("role", "expires_at")}
    await story.see(ASKED_AGAIN, what=story.rename("Park"), compare=True)
    await story.see(ASKED_AGAIN, what=story.call("update_me", admin, data={"name": "Ada"}), compare=True)
    # It counts as long as the inviter may invite.
    await story.see(what=story.role(editor, "admin"))
    await story.see(ASKED_AGAIN, what=story.ask(editor))
    [ended] = await story.see(ASKED_NO_MORE, what=story.role(editor, "viewer"), compare=True)
    assert (ended["state"], ended["changed"]["inviter_name"]) == (None, "Editor")
    await story.see(ASKED, what=story.role(editor, "admin"), compare=True)
    await story.see(ASKED_NO_MORE, what=story.change(editor, disabled=True), compare=True)
    await story.see(ASKED, what=story.change(editor, disabled=False), compare=True)
    await story.see(ASKED_NO_MORE, what=story.remove(editor), compare=True)
    # It ends with the answer.
    await story.see(ASKED_AGAIN, what=story.ask(admin), compare=True)
    await story.see(ASKED_NO_MORE, what=story.answer("decline"), compare=True)
    await story.see(ASKED, what=story.ask(admin))
    await story.see(ASKED_NO_MORE, what=story.revoke(), compare=True)
    await story.see(ASKED, what=story.ask(admin))
    await story.see(ASKED_NO_MORE, *LET_IN, what=story.answer("accept"), compare=True)


async def test_a_member_is_told_of_each_workspace_and_its_role_there(door: Door, world: World, app: FastAPI) -> None:
    admin, viewer, stranger, root = world.admin, world.viewer, world.stranger, world.administrator
    await confirm(app, stranger)
    others = [await Lists(door, person).read() for person in (admin, viewer)]
    story = Story(door, world)
    await story.mine.read()
    came, let_in = await story.see(*LET_IN, what=story.add(stranger), compare=True)
    log = await door.call("list_changes", token=stranger.token, id=story.garden, after=4)
    assert (came["state"]["seq"], came["state"]["name"]) == (log["seq"], "Garden")
    assert (let_in["state"], let_in["entity_id"]) == (log["data"][-1]["state"], str(stranger.id))
    [other_role] = await story.see(("updated", "member"), what=story.role(stranger, "viewer"))
    assert (other_role["changed"]["role"], other_role["state"]["role"]) == ("editor", "viewer")
    await story.see(("updated", "workspace"), what=story.rename("Wood"), compare=True)
    gone = await story.see(*LET_OUT, what=story.remove(stranger), compare=True)
    assert (gone[1]["state"], gone[1]["changed"]["name"]) == (None, "Wood")
    await story.see(*LET_IN, what=story.add(stranger))
    await story.see(*LET_IN, what=story.call("create_workspace", stranger, data={"name": "Own"}), compare=True)
    # What is sent to an address is for who confirmed it.
    await story.see(ASKED, what=story.ask(viewer, viewer.home))
    await story.see(ASKED, what=story.ask(admin, admin.home), compare=True)
    elsewhere = story.change(stranger, email="elsewhere@example.com")
    await story.see(ASKED_NO_MORE, ASKED_NO_MORE, what=elsewhere, compare=True)
    await story.see(what=story.change(stranger, email=stranger.email))
    await story.see(what=story.ask(admin, admin.home), compare=True)
    [invitation] = await listed(door, viewer.token, viewer.home)
    await send(app, invitation["id"])
    accepted = story.call("accept_invitation", stranger, data={"token": TOKEN})
    await story.see(ASKED, ASKED, ASKED_NO_MORE, *LET_IN, what=accepted, compare=True)
    for one in others:
        await one.check()
    # A home whose owner is gone is one no more, and with the account go its invitations.
    await story.see(("updated", "member"), what=story.role(stranger, "admin", by=viewer, place=viewer.home))
    [home] = await story.see(("updated", "workspace"), what=story.call("delete_user", root, id=str(viewer.id)))
    assert home["changed"]["personal"] is True
    deletion = story.call("delete_workspace", admin, id=story.garden)
    await story.see(("deleted", "workspace"), what=deletion, compare=True)
    await story.see(ASKED_NO_MORE, what=story.call("delete_user", root, id=str(admin.id)), compare=True)
    names = {key: state["name"] for key, state in story.mine.known["workspace"].items()}
    roles = {names[key]: state["role"] for key, state in story.mine.known["member"].items()}
    assert roles == {"Own": "admin", "Viewer": "admin"}


async def _add_and_fail(uow: UnitOfWork, world: World, data: MemberAdd) -> None:
    await add_member(uow, world.admin.actor, world.workspace, data)
    raise ZeroDivisionError


async def test_what_is_undone_is_told_to_nobody_and_a_workspace_with_the_id_of_an_account_hears_nothing_of_it(
    app: FastAPI, world: World
) -> None:
    # Nothing but the wake-up tells it.
    hub = Hub(app.state.database, LocalBus(), HubOptions(beat=NEVER, rights_beat=NEVER))
    twin = WorkspaceCreate(id=world.stranger.id, name="Twin")
    place = world.stranger.id
    await write(app, create_workspace, world.viewer.actor, twin)
    before = await all_rows(app)
    async with (
        hub.running(),
        following(hub, world.stranger.actor, None) as own,
        following(hub, world.viewer.actor, place) as other,
    ):
        await own.reach(0)
        data = MemberAdd(user_id=world.stranger.id)
        with pytest.raises(ZeroDivisionError):
            await write(app, _add_and_fail, world, data)
        assert await all_rows(app) == before
        await write(app, add_member, world.admin.actor, world.workspace, data)
        await own.reach(2)
        item = ItemCreate(workspace_id=place, title="Secret")
        await write(app, create_item, world.viewer.actor, item)
        await other.reach(3)
        # What the beat asks for.
        logs = [account_log(world.stranger.id), workspace_log(place)]
        async with app.state.database.read() as uow:
            assert await changes.heads(uow.session, logs) == dict(zip(logs, (2, 3), strict=True))
        await write(app, remove_member, world.admin.actor, world.workspace, world.stranger.id)
        await own.reach(4)
    assert own.seqs == [1, 2, 3, 4]
    assert {event.change.workspace_id for event in own.events if event.change} == {world.workspace}
    assert other.seqs == [3]


async def test_old_entries_go_and_are_never_passed_over_in_silence(door: Door, app: FastAPI, world: World) -> None:
    for _ in range(2):
        await write(app, add_member, world.admin.actor, world.workspace, MemberAdd(user_id=world.stranger.id))
        await write(app, remove_member, world.admin.actor, world.workspace, world.stranger.id)
    old = (OwnChange.user_id == world.stranger.id, OwnChange.seq <= 4)
    async with app.state.database.write() as uow:
        await uow.session.execute(update(OwnChange).where(*old).values(at=utc_now() - timedelta(days=31)))
    assert await trim_logs(app.state.database, SYSTEM, days=30) == 1
    for after in (0, 3):
        async with refused(door, "CURSOR_EXPIRED") as refusal:
            await door.call("list_my_changes", token=world.stranger.token, after=after)
        assert refusal.details == {"oldest": 5}
    async with refused(door, "BAD_REQUEST"):
        await door.call("list_my_changes", token=world.stranger.token, after=9)
    page = await door.call("list_my_changes", token=world.stranger.token, after=4, limit=3)
    assert ([entry["seq"] for entry in page["data"]], page["seq"], page["has_more"]) == ([5, 6, 7], 8, True)
    # Nobody else has any of it, and the account takes it along when it goes.
    assert (await door.call("list_my_changes", token=world.administrator.token))["data"] == []
    await door.call("delete_user", token=world.administrator.token, id=str(world.stranger.id))
    kept = (await all_rows(app))["own_changes"]
    assert not [row for row in kept if str(world.stranger.id) in row.split(",")[0]]
