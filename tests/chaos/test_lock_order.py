"""No two operations ever wait for each other, and whichever comes first, nothing is left without an owner."""

import asyncio
import os
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations_with_replacement
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import delete, update

from api.core.actor import SYSTEM
from api.core.mail_tokens import digest_of
from api.schemas.api_keys import ApiKeyCreate
from api.schemas.items import ItemCreate
from api.schemas.messages import MessageCreate
from api.schemas.workspaces import MemberAdd, WorkspaceCreate
from api.services.api_keys import create_api_key
from api.services.files import delete_file
from api.services.items import create_item, delete_item
from api.services.members import add_member
from api.services.messages import create_message
from api.services.workspaces import create_workspace
from db.clock import utc_now
from db.models import Invitation, OwnChange, OwnLog, Role, User, UserRole
from db.models.base import new_id
from tests.chaos.lockstep import Lockstep, in_lockstep
from tests.chaos.waiting import LIMIT_SECONDS
from tests.doors.authenticator import RECOVERY_CODE, write_second_step
from tests.doors.door import Door, DoorError, RestDoor
from tests.doors.people import PASSWORD, Person, World, make_person, sign_in
from tests.doors.rows import Rows, keep, put_back, take_rows
from tests.doors.targets import make_webhook, promised
from tests.doors.uploading import add_file
from tests.test_parity import SHARED, operations

FULL = os.environ.get("CHAOS") == "full"

NO_WRITES = {"create_stream_ticket", "create_download_link", "complete_upload", "begin_oidc_sign_in"}
"""Operations that are sent with POST and write nothing."""

INVITED = "the token of an invitation"

APART = {
    "request_email_verification",
    "request_password_reset",
    "change_email",
    "verify_email",
    "reset_password",
    "retry_job",
    "cancel_job",
    "begin_two_step",
    "enable_two_step",
    "disable_two_step",
    "renew_recovery_codes",
    "complete_oidc_sign_in",
}
"""Operations that lock nothing, or their own account and nothing more, or a mail's token and then its one account, or
a sign-in with the provider and then its one account: nobody who has that wants the token, or the sign-in."""

ENDING = {"delete_user", "update_user", "delete_workspace", "remove_member", "delete_item", "accept_invitation"}
"""Operations that lock most or end what others rely on: these are raced with all others always, and in a chaos run
all with all."""

WRITING = {name for name in SHARED if name not in NO_WRITES | APART and not name.startswith(("get_", "list_"))}


@dataclass(frozen=True)
class Scene:
    """Everybody in each other's way: a shared workspace whose admins administrate the installation, too."""

    world: World
    garden: UUID
    shed: UUID
    item: UUID
    trashed: UUID
    message: UUID
    second: Person
    refresh_token: str
    other_session: UUID
    key: UUID
    asked: UUID
    challenge: str
    webhook: UUID
    delivery: UUID
    file: UUID
    trashed_file: UUID
    upload: UUID

    def calls(self) -> list[tuple[str, Person, dict[str, Any]]]:
        """Return what is raced: every writing operation, by and about those whom the others lock."""
        root, editor, viewer = self.world.administrator, self.world.editor, self.world.viewer
        garden, shed = {"id": str(self.garden)}, {"id": str(self.shed)}
        item, user = {"id": str(self.item)}, {"user_id": str(editor.id)}
        account = {"name": "New", "email": "new@example.com", "password": PASSWORD, "password_confirm": PASSWORD}
        address = {"email": "new@example.com", "current_password": PASSWORD}
        chosen = str(uuid4())
        new = {"id": chosen, "workspace_id": garden["id"], "title": "New", "assignee_id": str(root.id)}
        return [
            ("login", editor, {"data": {"email": editor.email, "password": PASSWORD}}),
            ("complete_login", viewer, {"data": {"challenge": self.challenge, "code": RECOVERY_CODE}}),
            ("reset_two_step", root, {"id": str(viewer.id)}),
            ("refresh_session", editor, {"data": {"refresh_token": self.refresh_token}}),
            ("logout", editor, {}),
            ("revoke_session", editor, {"id": str(self.other_session)}),
            ("revoke_all_sessions", editor, {}),
            ("create_api_key", editor, {"data": {"name": "Import", "workspace_id": str(self.garden)}}),
            ("revoke_api_key", editor, {"id": str(self.key)}),
            ("create_user", root, {"data": account}),
            ("update_me", editor, {"data": address}),
            ("update_me", root, {"data": address}),
            ("update_me", root, {"data": {"name": "Renamed"}}),
            ("update_user", root, {"id": str(editor.id), "data": {"disabled": True}}),
            ("update_user", self.second, {"id": str(editor.id), "data": {"name": "Renamed"}}),
            ("update_user", self.second, {"id": str(root.id), "data": {"role": "member"}}),
            ("delete_user", root, {"id": str(editor.id)}),
            ("delete_user", self.second, {"id": str(root.id)}),
            ("create_workspace", editor, {"data": {"id": chosen, "name": "New"}}),
            ("update_workspace", root, {**garden, "data": {"name": "Renamed"}}),
            ("delete_workspace", editor, shed),
            ("add_member", root, {**garden, "data": {"user_id": str(self.second.id), "role": "admin"}}),
            ("add_member", editor, {**shed, "data": {"email": viewer.email}}),
            ("update_member", root, {**garden, **user, "data": {"role": "admin"}}),
            ("remove_member", root, {**garden, **user}),
            ("invite_member", root, {**garden, "data": {"email": self.world.stranger.email}}),
            ("invite_member", editor, {**shed, "data": {"email": viewer.email, "role": "admin"}}),
            ("accept_invitation", viewer, {"data": {"invitation_id": str(self.asked)}}),
            ("accept_invitation", editor, {"data": {"token": INVITED}}),
            ("decline_invitation", viewer, {"data": {"invitation_id": str(self.asked)}}),
            ("decline_invitation", root, {"data": {"token": INVITED}}),
            ("revoke_invitation", root, {"id": str(self.asked)}),
            ("create_item", editor, {"data": new}),
            ("update_item", editor, {**item, "data": {"assignee_id": str(viewer.id)}}),
            ("delete_item", root, {**item, "permanent": True}),
            ("restore_item", editor, {"id": str(self.trashed)}),
            ("create_message", editor, {"data": {"id": chosen, "item_id": item["id"], "body": "New"}}),
            ("update_message", editor, {"id": str(self.message), "data": {"body": "Changed"}}),
            ("delete_message", root, {"id": str(self.message)}),
            ("update_file", editor, {"id": str(self.file), "data": {"name": "Renamed"}}),
            ("delete_file", root, {"id": str(self.file), "permanent": True}),
            ("restore_file", editor, {"id": str(self.trashed_file)}),
            ("create_upload", editor, {"data": {"name": "a.txt", "size": 3, "item_id": str(self.item)}}),
            ("delete_upload", editor, {"id": str(self.upload)}),
            ("create_webhook", root, {"data": {"workspace_id": garden["id"], "url": "https://example.com/new"}}),
            ("update_webhook", root, {"id": str(self.webhook), "data": {"paused": False}}),
            ("delete_webhook", root, {"id": str(self.webhook)}),
            ("redeliver", root, {"id": str(self.delivery)}),
        ]


async def make_scene(app: FastAPI, world: World) -> Scene:
    """Set the scene through the services, so that the logs tell all of it."""
    second = await make_person(app, "second", UserRole.ADMIN)
    root, editor = world.administrator, world.editor
    async with app.state.database.write() as uow:
        await add_member(uow, SYSTEM, world.workspace, MemberAdd(user_id=root.id, role=Role.ADMIN))
        shed = (await create_workspace(uow, editor.actor, WorkspaceCreate(name="Shed"))).id
        await add_member(uow, editor.actor, shed, MemberAdd(user_id=root.id, role=Role.ADMIN))
        item, trashed = [
            (await create_item(uow, editor.actor, ItemCreate(workspace_id=world.workspace, title=title))).id
            for title in ("Seeds", "Weeds")
        ]
        await delete_item(uow, editor.actor, trashed)
        message = await create_message(uow, editor.actor, MessageCreate(item_id=item, body="Which?"))
        key = (await create_api_key(uow, editor.actor, ApiKeyCreate(name="Import"))).id
        # The viewer into the shed, and the editor into the home of the administrator.
        asked = _invitation(shed, editor, world.viewer, "")
        invited = _invitation(root.home, root, editor, INVITED)
        await uow.session.insert(asked, invited)
        await uow.session.execute(update(User).values(email_verified_at=utc_now()))
        webhook, delivery = await make_webhook(uow, world.workspace)
    file = (await add_file(app, editor, item_id=item)).id
    trashed_file = (await add_file(app, editor, workspace_id=world.workspace)).id
    async with app.state.database.write() as uow:
        await delete_file(uow, editor.actor, trashed_file)
        upload = promised(world.workspace, editor.id)
        await uow.session.insert(upload)
    refresh_token, session = await sign_in(app, editor)
    challenge = await write_second_step(app, world.viewer.id)
    return Scene(
        world,
        world.workspace,
        shed,
        item,
        trashed,
        message.id,
        second,
        refresh_token,
        session,
        key,
        asked.id,
        challenge,
        webhook.id,
        delivery.id,
        file,
        trashed_file,
        upload.id,
    )


def _invitation(workspace: UUID, inviter: Person, whom: Person, token: str) -> Invitation:
    """Return an invitation whose letter, with this token, was sent."""
    return Invitation(
        workspace_id=workspace,
        email=whom.email,
        role=Role.ADMIN,
        inviter_id=inviter.id,
        expires_at=utc_now() + timedelta(hours=1),
        letter_id=new_id(),
        digest=digest_of(token),
    )


async def answer(door: Door, call: tuple[str, Person, dict[str, Any]]) -> str:
    operation, person, arguments = call
    try:
        await door.call(operation, token=person.token, **arguments)
    except DoorError as error:
        return error.code
    return "OK"


TOLD = (
    "users",
    "workspaces",
    "members",
    "items",
    "messages",
    "files",
    "changes",
    "invitations",
    "own_changes",
    "own_logs",
)
"""The tables whose rows a pair of operations could leave in a state that no order of the two explains."""


def orphans(rows: Rows) -> list[Any]:
    """Return the live workspaces without a living admin, and the memberships of deleted users."""
    deleted = {user["id"] for user in rows["users"] if user["deleted_at"]}
    admins = [one for one in rows["members"] if one["role"] == "admin" and one["user_id"] not in deleted]
    live = {one["id"] for one in rows["workspaces"] if not one["deleted_at"]}
    strays = [one for one in rows["members"] if one["user_id"] in deleted]
    return [*(live - {one["workspace_id"] for one in admins}), *strays]


def present(rows: Rows) -> dict[tuple[str, UUID, UUID], int]:
    """Return the version of every row that a log tells of, by entity, workspace and id."""
    live = {("workspace", one["id"], one["id"]): one["version"] for one in rows["workspaces"] if not one["deleted_at"]}
    for entity, key in (("member", "user_id"), ("item", "id"), ("message", "id"), ("file", "id")):
        live |= {(entity, one["workspace_id"], one[key]): one["version"] for one in rows[f"{entity}s"]}
    return live


def told(rows: Rows) -> dict[tuple[str, UUID, UUID], int]:
    """Return the same as the logs tell it; their numbers must be without a gap."""
    known: dict[tuple[str, UUID, UUID], int] = {}
    last: Counter[UUID] = Counter()
    gone = {one["id"] for one in rows["workspaces"] if one["deleted_at"]}
    for change in sorted(rows["changes"], key=lambda change: change["seq"]):
        place = change["workspace_id"]
        last[place] += 1
        assert change["seq"] == last[place] or place in gone
        key = (str(change["entity"]), place, change["entity_id"])
        known.pop(key, None)
        if change["state"] is not None:
            known[key] = change["version"]
    return known


Known = dict[tuple[UUID, str, UUID], str | None]
"""By account, kind and id, what it belongs to and where it is asked in; of a membership the role."""


def lists(rows: Rows) -> Known:
    """Return what `list_workspaces` and `list_invitations` would answer each account."""
    accounts = {one["id"]: one for one in rows["users"] if not one["deleted_at"]}
    readers = {one["email"]: one["id"] for one in accounts.values() if one["email_verified_at"]}
    roles = {(one["workspace_id"], one["user_id"]): one["role"] for one in rows["members"]}
    known: Known = {}
    for (place, user), role in roles.items():
        known |= {(user, "workspace", place): None, (user, "member", place): str(role)}
    for one in rows["invitations"]:
        may_invite = roles.get((one["workspace_id"], one["inviter_id"])) is Role.ADMIN
        if one["email"] in readers and may_invite and not accounts[one["inviter_id"]]["disabled"]:
            known[readers[one["email"]], "invitation", one["id"]] = None
    return known


def followed(known: Known, rows: Rows) -> Known:
    """Return what was known with what the own logs tell since; their numbers must be without a gap."""
    known, last = dict(known), Counter[UUID]()
    for change in sorted(rows["own_changes"], key=lambda change: change["seq"]):
        user, entity, place = change["user_id"], str(change["entity"]), change["workspace_id"]
        last[user] += 1
        assert change["seq"] == last[user]
        key = (user, entity, change["entity_id"] if entity == "invitation" else place)
        if change["state"] is not None:
            known[key] = change["state"].get("role") if entity == "member" else None
            continue
        known.pop(key, None)
        if entity == "workspace":
            known.pop((user, "member", place), None)
    assert {one["user_id"]: one["last_seq"] for one in rows["own_logs"] if one["last_seq"]} == last
    living = {one["id"] for one in rows["users"] if not one["deleted_at"]}
    return {key: value for key, value in known.items() if key[0] in living}


def test_every_writing_operation_is_raced() -> None:
    nobody = Person(uuid4(), "", "", "", uuid4(), uuid4(), SYSTEM)
    world = World(uuid4(), nobody, nobody, nobody, nobody, nobody)
    places = (uuid4(), uuid4(), uuid4(), uuid4(), uuid4())
    scene = Scene(world, *places, nobody, "", uuid4(), uuid4(), uuid4(), "", *(uuid4() for _ in range(5)))
    assert {operation for operation, *_ in scene.calls()} == WRITING
    assert set(operations()) >= NO_WRITES | APART


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_of_all_pairs_of_operations_none_is_a_deadlock_and_none_leaves_an_orphan(
    app: FastAPI, rest: RestDoor, world: World
) -> None:
    scene = await make_scene(app, world)
    async with app.state.database.write() as uow:
        # They have told what came before, and begin anew.
        for table in (OwnChange, OwnLog):
            await uow.session.execute(delete(table))
    fresh = await keep(app)
    assert (orphans(fresh.rows), told(fresh.rows)) == ([], present(fresh.rows))
    known, accounts = lists(fresh.rows), {one["id"] for one in fresh.rows["users"]}
    assert {kind for _, kind, _ in known} == {"workspace", "member", "invitation"}
    with in_lockstep(app.state.database) as current:
        for one, other in combinations_with_replacement(scene.calls(), 2):
            if not FULL and not ENDING & {one[0], other[0]}:
                continue
            current.append(Lockstep())
            async with asyncio.timeout(LIMIT_SECONDS):
                answers = await current[-1].race(answer(rest, one), answer(rest, other))
            pair = f"{one[0]} by {one[1].name}, {other[0]} by {other[1].name}: {answers}"
            assert not {"UNAVAILABLE", "INTERNAL_ERROR"} & set(answers), pair
            assert "OK" in answers, pair
            rows = await take_rows(app, *TOLD)
            assert orphans(rows) == [], pair
            assert told(rows) == present(rows), pair
            # An account that is new has read nothing yet, and so is told nothing of its home.
            asked = {key: value for key, value in lists(rows).items() if key[0] in accounts}
            assert followed(known, rows) == asked, pair
            await put_back(app, fresh)
