"""Uploads with a ticket: by whose rights they come, how they end, and what is left of them."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from api.core.actor import SYSTEM
from api.services.trash import forget_uploads
from api.services.upload_tickets import purge_upload
from api.services.users import delete_user
from db.clock import utc_now
from db.models import KeyAccess
from tests.doors.door import Door
from tests.doors.erasing import Promises, stored
from tests.doors.keys import make_key
from tests.doors.people import World
from tests.doors.refusals import refused
from tests.doors.rows import all_rows, take_rows
from tests.doors.things import make_item, make_message
from tests.doors.uploading import CONTENT, appended, make_file
from tests.files.promising import expire, promise
from tests.files.uploads import code_of


async def test_it_comes_by_the_rights_that_who_promised_it_has_then(
    door: Door, world: World, bearer: httpx.AsyncClient
) -> None:
    upload, member = await promise(door, world), {"id": str(world.workspace), "user_id": str(world.editor.id)}
    key = await make_key(door.app, world.editor, KeyAccess.WRITE, world.workspace)
    by_key = await promise(door, world, token=key.key)
    await door.call("revoke_api_key", token=world.editor.token, id=str(key.id))
    await door.call("update_member", token=world.admin.token, **member, data={"role": "viewer"})
    before = await all_rows(door.app)

    async def bring(upload: dict[str, Any]) -> set[str]:
        head = appended(b"", 0).headers
        answers = (
            await bearer.put(upload["url"], content=CONTENT),
            await bearer.patch(upload["url"], content=CONTENT, headers=head),
            await bearer.patch(upload["url"], content=CONTENT[:3], headers=head),
        )
        assert await all_rows(door.app) == before
        assert await stored(door.app) == []
        return set(map(code_of, answers))

    told = (await bearer.put(by_key["url"], content=CONTENT)).json()["error"]["message"]
    assert told == "Who promised this file may not bring it any more."
    assert await bring(by_key) == {"UNAUTHENTICATED"}
    assert await bring(upload) == {"FORBIDDEN"}
    await door.call("remove_member", token=world.admin.token, **member)
    before = await all_rows(door.app)
    assert await bring(upload) == {"NOT_FOUND"}
    for data in ({"disabled": True},):
        await door.call("update_user", token=world.administrator.token, id=str(world.editor.id), data=data)
    before = await all_rows(door.app)
    assert await bring(upload) == {"UNAUTHENTICATED"}
    async with door.app.state.database.write() as uow:
        await delete_user(uow, SYSTEM, world.editor.id)
    before = await all_rows(door.app)
    assert await bring(upload) == {"UNAUTHENTICATED"}


async def test_what_it_belongs_to_must_still_be_there(door: Door, world: World, bearer: httpx.AsyncClient) -> None:
    item = await make_item(door, world)
    message = await make_message(door, world, item_id=item["id"])
    to_item, to_message = (
        await promise(door, world, item_id=item["id"]),
        await promise(door, world, message_id=message["id"]),
    )
    await door.call("delete_item", token=world.editor.token, id=item["id"])
    for upload in (to_item, to_message):
        assert code_of(await bearer.put(upload["url"], content=CONTENT)) == "CONFLICT"
    async with refused(door, "CONFLICT"):
        await promise(door, world, item_id=item["id"])
    await door.call("restore_item", token=world.editor.token, id=item["id"])
    file = (await bearer.put(to_message["url"], content=CONTENT)).json()
    assert (file["item_id"], file["message_id"]) == (item["id"], message["id"])
    await door.call("delete_item", token=world.admin.token, id=item["id"], permanent=True)
    assert code_of(await bearer.put(to_item["url"], content=CONTENT)) == "NOT_FOUND"
    async with refused(door, "NOT_FOUND"):
        await door.call("complete_upload", token=world.editor.token, id=to_message["id"])


async def test_equal_bytes_are_stored_once(app: FastAPI, rest: Door, client: httpx.AsyncClient, world: World) -> None:
    await make_file(rest, world)
    upload = await promise(rest, world)
    assert code_of(await client.put(upload["url"], content=CONTENT)) == "201"
    assert len(await stored(app)) == 1


async def test_so_many_are_open_at_once(
    door: Door, world: World, bearer: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.services.upload_tickets.MAX_OPEN", 2)
    first, second = await promise(door, world), await promise(door, world)
    async with refused(door, "CONFLICT") as refusal:
        await promise(door, world)
    assert refusal.details == {"maximum": 2}
    await promise(door, world, token=world.admin.token)
    assert code_of(await bearer.put(first["url"], content=CONTENT)) == "201"
    await promise(door, world)
    await expire(door.app, second)
    await promise(door, world)


async def test_what_expired_is_not_there_and_is_forgotten_with_its_bytes(
    door: Door, world: World, bearer: httpx.AsyncClient, promises: Promises
) -> None:
    upload, fresh, done = [await promise(door, world, name=name) for name in ("a", "b", "c")]
    head = appended(b"", 0).headers
    for one in (upload, fresh):
        assert code_of(await bearer.patch(one["url"], content=CONTENT[:3], headers=head)) == "204"
    assert code_of(await bearer.put(done["url"], content=CONTENT)) == "201"
    for one in (upload, done):
        await expire(door.app, one)
    for answer in (
        await bearer.put(upload["url"], content=CONTENT),
        await bearer.patch(upload["url"], content=CONTENT[3:], headers=appended(b"", 3).headers),
        await bearer.get(upload["url"]),
        await bearer.delete(upload["url"]),
    ):
        assert code_of(answer) == "NOT_FOUND"
    for operation in ("get_upload", "complete_upload", "delete_upload"):
        async with refused(door, "NOT_FOUND"):
            await door.call(operation, token=world.editor.token, id=upload["id"])

    async with door.app.state.database.write() as uow:
        # Found just before a part prolonged it.
        assert not await purge_upload(uow, SYSTEM, UUID(fresh["id"]))
    assert await forget_uploads(door.app.state.database, SYSTEM, before=utc_now()) == 2

    await promises.keep(door.app)
    rows = await take_rows(door.app, "uploads", "upload_parts", "blobs", "files")
    assert [row["id"] for row in rows["uploads"]] == [UUID(fresh["id"])]
    assert [row["id"] for row in rows["files"]] == [UUID(done["id"])]
    known = {row["id"] for row in (*rows["upload_parts"], *rows["blobs"])}
    assert len(known) == 2
    assert {key.blob_id for key in await stored(door.app)} == known


async def test_given_up_it_leaves_nothing_but_a_file_that_came_of_it(
    door: Door, world: World, bearer: httpx.AsyncClient, promises: Promises
) -> None:
    given_up, done = await promise(door, world), await promise(door, world)
    head = appended(b"", 0).headers
    assert code_of(await bearer.patch(given_up["url"], content=CONTENT[:3], headers=head)) == "204"
    assert code_of(await bearer.put(done["url"], content=CONTENT)) == "201"
    for one in (given_up, done):
        await door.call("delete_upload", token=world.editor.token, id=one["id"])
    await promises.keep(door.app)
    rows = await take_rows(door.app, "uploads", "upload_parts", "blobs")
    assert (rows["uploads"], rows["upload_parts"]) == ([], [])
    assert [key.blob_id for key in await stored(door.app)] == [row["id"] for row in rows["blobs"]]
    assert (await door.call("get_file", token=world.viewer.token, id=done["id"]))["name"] == "seeds.txt"


async def test_what_came_in_parts_goes_with_its_workspace(
    door: Door, world: World, bearer: httpx.AsyncClient, promises: Promises
) -> None:
    upload = await promise(door, world)
    head = appended(b"", 0).headers
    assert code_of(await bearer.patch(upload["url"], content=CONTENT[:3], headers=head)) == "204"
    await door.call("delete_workspace", token=world.admin.token, id=str(world.workspace))
    await promises.keep(door.app)
    assert await stored(door.app) == []
    rows = await take_rows(door.app, "uploads", "upload_parts")
    assert (rows["uploads"], rows["upload_parts"]) == ([], [])
    assert code_of(await bearer.put(upload["url"], content=CONTENT)) == "NOT_FOUND"
