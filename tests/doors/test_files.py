"""Files: where they are, who may change them, and what becomes of them and of their bytes."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import update

from api.core.actor import SYSTEM
from api.services.trash import empty_trash
from db.clock import utc_now
from db.engine import Database
from db.models import File
from tests.conftest import AppFactory, client_of
from tests.doors.door import Door, RestDoor
from tests.doors.erasing import Promises, stored
from tests.doors.people import World
from tests.doors.refusals import refused
from tests.doors.rows import take_rows
from tests.doors.things import last_seq, make_item, make_message, read_log
from tests.doors.uploading import CONTENT, form_of, make_file

KEY = "0198c0de-0000-7000-8000-000000000000"


async def names(door: Door, world: World, **where: Any) -> list[str]:
    """Return the names of the files that are listed, oldest first."""
    listed = await door.call("list_files", token=world.viewer.token, sort="created", **where)
    return [file["name"] for file in listed["data"]]


async def test_a_file_is_what_was_uploaded_at_both_doors(door: Door, rest: Door, world: World) -> None:
    item = await make_item(door, world)

    file = await make_file(rest, world, item_id=item["id"], media_type="application/pdf")

    assert await door.call("get_file", token=world.viewer.token, id=file["id"]) == file
    assert await rest.call("get_file_content", token=world.viewer.token, id=file["id"]) == CONTENT
    moments = {"created_at": file["created_at"], "updated_at": file["created_at"]}
    assert file == {
        "id": file["id"],
        "workspace_id": str(world.workspace),
        "item_id": item["id"],
        "message_id": None,
        "owner_id": str(world.editor.id),
        "name": "seeds.txt",
        "size": 14,
        "media_type": "text/plain",
        "declared_media_type": "application/pdf",
        "sha256": "5c18888e30727276326bca15276d38b05925b88f6037aea46b800979e6c65862",
        "version": 1,
        **moments,
        "deleted_at": None,
    }


async def test_several_at_once_come_in_their_order_and_each_is_a_change(door: Door, rest: Door, world: World) -> None:
    before = await last_seq(door, world)

    uploaded = await rest.call(
        "upload_files", token=world.editor.token, form=form_of(b"one", b"two", b"", workspace_id=world.workspace)
    )

    assert [file["size"] for file in uploaded["data"]] == [3, 3, 0]
    log = await read_log(door, world, after=before)
    assert [(entry["kind"], entry["entity"], entry["state"]) for entry in log["data"]] == [
        ("created", "file", file) for file in uploaded["data"]
    ]


async def test_a_file_is_listed_with_what_it_belongs_to(door: Door, rest: Door, world: World) -> None:
    item = await make_item(door, world)
    message = await make_message(door, world, item_id=item["id"])
    room = await make_message(door, world)
    places = {
        "a": {},
        "b": {"item_id": item["id"]},
        "c": {"message_id": message["id"]},
        "d": {"message_id": room["id"]},
    }
    files = {name: await make_file(rest, world, name=name, **place) for name, place in places.items()}

    assert files["c"]["item_id"] == item["id"]
    assert await names(door, world, workspace_id=str(world.workspace)) == ["a", "b", "c", "d"]
    assert await names(door, world, item_id=item["id"]) == ["b", "c"]
    assert await names(door, world, message_id=message["id"]) == ["c"]
    assert await names(door, world, message_id=room["id"], item_id=item["id"]) == []
    listed = await rest.call("list_item_files", token=world.viewer.token, id=item["id"], limit=1, include_total=True)
    assert ([file["name"] for file in listed["data"]], listed["total"]) == (["c"], 2)
    async with refused(door, "VALIDATION_ERROR") as refusal:
        await names(door, world, workspace_id=str(world.viewer.home), item_id=item["id"])
    assert refusal.paths == {"workspace_id"}


async def test_files_are_sorted(door: Door, rest: Door, world: World) -> None:
    for name, content in (("B", b"xxx"), ("c", b"x"), ("a", b"xx")):
        await make_file(rest, world, content, name=name)
    place = str(world.workspace)
    for sort, expected in (
        ("name", "aBc"),
        ("-name", "cBa"),
        ("size", "caB"),
        ("-size", "Bac"),
        ("created", "Bca"),
        ("-created", "acB"),
    ):
        call: dict[str, Any] = {"token": world.viewer.token, "workspace_id": place, "sort": sort}
        first = await door.call("list_files", limit=2, **call)
        rest_of_it = await door.call("list_files", limit=2, cursor=first["next_cursor"], **call)
        listed = first["data"] + rest_of_it["data"]
        assert "".join(file["name"] for file in listed) == expected
        assert rest_of_it["next_cursor"] is None


async def test_graphql_shows_files_where_they_belong_and_what_belongs_to_them(
    rest: Door, graphql: Door, world: World
) -> None:
    item = await make_item(rest, world)
    message = await make_message(rest, world, item_id=item["id"])
    file = await make_file(rest, world, message_id=message["id"])
    document = """query($workspace: ID!, $item: ID!, $message: ID!, $file: ID!) {
      workspace(id: $workspace) { files { nodes { id } } }
      item(id: $item) { files { nodes { id } } }
      message(id: $message) { files(sort: NAME_ASC, trashed: false) { totalCount nodes { id } } trash: files(
        trashed: true) { totalCount } }
      file(id: $file) { item { id } message { id } owner { id } workspace { id } }
    }"""
    ids = {"workspace": str(world.workspace), "item": item["id"], "message": message["id"], "file": file["id"]}

    answer = await graphql.client.post(
        "/graphql",
        json={"query": document, "variables": ids},
        headers={"Authorization": f"Bearer {world.viewer.token}"},
    )

    shown = {"nodes": [{"id": file["id"]}]}
    assert answer.json()["data"] == {
        "workspace": {"files": shown},
        "item": {"files": shown},
        "message": {"files": {"totalCount": 1, **shown}, "trash": {"totalCount": 0}},
        "file": {
            "item": {"id": item["id"]},
            "message": {"id": message["id"]},
            "owner": {"id": str(world.editor.id)},
            "workspace": {"id": str(world.workspace)},
        },
    }


async def test_a_file_is_renamed_and_its_bytes_stay(door: Door, rest: Door, world: World) -> None:
    file = await make_file(rest, world)

    renamed = await door.call(
        "update_file", token=world.editor.token, id=file["id"], data={"name": "Ä.txt"}, expected_version=1
    )

    assert renamed == {**file, "name": "Ä.txt", "version": 2, "updated_at": renamed["updated_at"]}
    async with refused(door, "PRECONDITION_FAILED"):
        await door.call("update_file", token=world.editor.token, id=file["id"], data={"name": "b"}, expected_version=1)
    [entry] = (await read_log(door, world, after=await last_seq(door, world) - 1))["data"]
    assert (entry["kind"], entry["state"]) == ("updated", renamed)
    assert entry["changed"] == {"name": "seeds.txt", "version": 1, "updated_at": file["updated_at"]}


async def test_a_name_is_a_name_and_no_path(door: Door, rest: Door, world: World) -> None:
    file = await make_file(rest, world)
    wrong: Sequence[Any] = (
        "", " ", ".", "..", "a/b", "a\\b", "a\nb", "a\u0000b", "a\u202eb", "é" * 128, "x" * 4096, None, 7
    )  # fmt: skip
    for name in wrong:
        async with refused(door, "VALIDATION_ERROR"):
            await door.call("update_file", token=world.editor.token, id=file["id"], data={"name": name})


async def test_a_file_goes_to_the_trash_and_comes_back_alone(door: Door, rest: Door, world: World) -> None:
    file = await make_file(rest, world)
    token = world.editor.token
    workspace = str(world.workspace)

    await door.call("delete_file", token=token, id=file["id"])

    assert await names(door, world, workspace_id=workspace) == []
    assert await names(door, world, workspace_id=workspace, trashed=True) == ["seeds.txt"]
    assert (await door.call("get_file", token=token, id=file["id"]))["deleted_at"] is not None
    async with refused(door, "CONFLICT"):
        await door.call("update_file", token=token, id=file["id"], data={"name": "b"})
    seq = await last_seq(door, world)
    await door.call("delete_file", token=token, id=file["id"])
    assert await last_seq(door, world) == seq

    restored = await door.call("restore_file", token=token, id=file["id"])

    assert restored == {**file, "version": 3, "updated_at": restored["updated_at"]}
    assert await door.call("restore_file", token=token, id=file["id"]) == restored
    kinds = [entry["kind"] for entry in (await read_log(door, world, after=seq - 2))["data"]]
    assert kinds == ["created", "deleted", "restored"]


async def test_files_go_to_the_trash_with_their_item_and_come_back_with_it(
    door: Door, rest: Door, world: World
) -> None:
    item = await make_item(door, world)
    message = await make_message(door, world, item_id=item["id"])
    token = world.editor.token
    first = await make_file(rest, world, item_id=item["id"], name="first")
    await make_file(rest, world, item_id=item["id"], name="a")
    await make_file(rest, world, message_id=message["id"], name="b")
    await door.call("delete_file", token=token, id=first["id"])
    before = await last_seq(door, world)

    await door.call("delete_item", token=token, id=item["id"])

    assert await names(door, world, item_id=item["id"]) == []
    assert await names(door, world, item_id=item["id"], trashed=True) == ["first", "a", "b"]
    for person in (world.editor, world.admin):
        async with refused(door, "CONFLICT"):
            await door.call("restore_file", token=person.token, id=first["id"])
    async with refused(rest, "CONFLICT"):
        await make_file(rest, world, item_id=item["id"])
    async with refused(rest, "CONFLICT"):
        await make_file(rest, world, message_id=message["id"])

    await door.call("restore_item", token=token, id=item["id"])

    # What was in the trash before stays there.
    assert await names(door, world, item_id=item["id"]) == ["a", "b"]
    log = (await read_log(door, world, after=before))["data"]
    assert [(entry["kind"], entry["entity"]) for entry in log] == [
        ("deleted", "item"),
        ("deleted", "file"),
        ("deleted", "file"),
        ("restored", "item"),
        ("restored", "file"),
        ("restored", "file"),
    ]


async def test_bytes_go_with_the_last_file_that_has_them(
    door: Door, rest: Door, world: World, promises: Promises
) -> None:
    app = door.app
    item = await make_item(door, world)
    message = await make_message(door, world)
    files = [
        await make_file(rest, world),
        await make_file(rest, world, item_id=item["id"]),
        await make_file(rest, world, message_id=message["id"]),
    ]
    [key] = await stored(app)
    elsewhere = await make_file(rest, world, workspace_id=world.editor.home)
    assert len(await stored(app)) == 2
    token = world.admin.token

    await door.call("delete_file", token=token, id=files[0]["id"], permanent=True)
    await door.call("delete_item", token=token, id=item["id"], permanent=True)
    await promises.keep(app)
    assert key in await stored(app)
    await door.call("delete_message", token=world.editor.token, id=message["id"])
    # Not before the commit, and not by the request.
    assert key in await stored(app)
    await promises.keep(app)

    [left] = await stored(app)
    assert left.workspace_id == world.editor.home
    assert await rest.call("get_file_content", token=world.editor.token, id=elsewhere["id"]) == CONTENT
    log = (await read_log(door, world, after=await last_seq(door, world) - 5))["data"]
    gone = [(entry["kind"], entry["entity_id"], entry["state"]) for entry in log if entry["entity"] == "file"]
    assert gone == [("deleted", file["id"], None) for file in files]
    for file in files:
        async with refused(door, "NOT_FOUND"):
            await door.call("get_file", token=token, id=file["id"])


async def test_a_deleted_workspace_takes_all_bytes_along(
    door: Door, rest: Door, world: World, promises: Promises
) -> None:
    await make_file(rest, world)
    await make_file(rest, world, b"other")
    kept = await make_file(rest, world, workspace_id=world.editor.home)

    await door.call("delete_workspace", token=world.admin.token, id=str(world.workspace))
    await promises.keep(door.app)

    assert [key.workspace_id for key in await stored(door.app)] == [world.editor.home]
    assert [row["id"] for row in (await take_rows(door.app, "files"))["files"]] == [UUID(kept["id"])]


async def test_the_trash_is_emptied_of_files_too(app: FastAPI, rest: Door, world: World, promises: Promises) -> None:
    database: Database = app.state.database
    old, young = [await make_file(rest, world, content) for content in (b"old", b"young")]
    for file in (old, young):
        await rest.call("delete_file", token=world.editor.token, id=file["id"])
    async with database.write() as uow:
        long_ago = utc_now() - timedelta(days=31)
        await uow.session.execute(update(File).where(File.id == UUID(old["id"])).values(deleted_at=long_ago))

    assert await empty_trash(database, SYSTEM, before=utc_now() - timedelta(days=30)) == 1

    await promises.keep(app)
    left = await take_rows(app, "files", "blobs")
    assert [row["id"] for row in left["files"]] == [UUID(young["id"])]
    assert [key.blob_id for key in await stored(app)] == [row["id"] for row in left["blobs"]]


async def test_an_upload_that_is_sent_again_is_answered_as_it_was(rest: Door, world: World) -> None:
    item = await make_item(rest, world)
    form = form_of(b"Once", item_id=item["id"])
    call: dict[str, Any] = {"token": world.editor.token, "key": KEY}
    first = await rest.call("upload_files", form=form, **call)
    keys = await stored(rest.app)
    # By now it could not be done any more.
    await rest.call("delete_item", token=world.editor.token, id=item["id"])
    seq = await last_seq(rest, world)

    assert await rest.call("upload_files", form=form, **call) == first

    assert (await last_seq(rest, world), await stored(rest.app)) == (seq, keys)
    async with refused(rest, "VALIDATION_ERROR") as refusal:
        await rest.call("upload_files", form=form_of(b"Twice", item_id=item["id"]), **call)
    assert refusal.paths == {"idempotency_key"}
    assert await stored(rest.app) == keys


PLACES: Sequence[tuple[str, str, str]] = (
    ("workspace_id", "home", "NOT_FOUND"),
    ("workspace_id", "unknown", "NOT_FOUND"),
    ("item_id", "unknown", "NOT_FOUND"),
    ("message_id", "unknown", "NOT_FOUND"),
    ("item_id", "message", "NOT_FOUND"),
    ("workspace_id", "text", "VALIDATION_ERROR"),
    ("owner_id", "unknown", "VALIDATION_ERROR"),
)


async def test_where_files_cannot_be_nothing_is_kept_of_them(rest: Door, world: World) -> None:
    ids = {
        "home": world.admin.home,
        "unknown": uuid4(),
        "message": (await make_message(rest, world))["id"],
        "text": "nowhere",
    }
    for field, value, code in PLACES:
        async with refused(rest, code):
            await rest.call("upload_files", token=world.editor.token, form=form_of(b"x", **{field: ids[value]}))
    assert await stored(rest.app) == []


async def test_places_that_contradict_each_other_are_refused(rest: Door, world: World) -> None:
    one, two = [await make_item(rest, world) for _ in range(2)]
    message = await make_message(rest, world, item_id=one["id"])
    for places, path in (
        ({"workspace_id": world.editor.home, "item_id": one["id"]}, "workspace_id"),
        ({"workspace_id": world.editor.home, "message_id": message["id"]}, "workspace_id"),
        ({"item_id": two["id"], "message_id": message["id"]}, "item_id"),
    ):
        async with refused(rest, "VALIDATION_ERROR") as refusal:
            await rest.call("upload_files", token=world.editor.token, form=form_of(b"x", **places))
        assert refusal.paths == {path}
    assert await stored(rest.app) == []


async def test_an_item_has_no_more_files_than_may_go_to_the_trash_together(
    rest: Door, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.services.new_files.MAX_FILES_EACH", 2)
    item = await make_item(rest, world)
    message = await make_message(rest, world, item_id=item["id"])
    await make_file(rest, world, b"1", item_id=item["id"])
    await make_file(rest, world, b"2", message_id=message["id"])
    for place in ({"item_id": item["id"]}, {"message_id": message["id"]}):
        async with refused(rest, "CONFLICT"):
            await make_file(rest, world, b"3", **place)
    assert len(await stored(rest.app)) == 2
    await make_file(rest, world, b"3")


async def test_what_a_workspace_keeps_is_limited_and_equal_bytes_count_once(make_app: AppFactory, world: World) -> None:
    app = await make_app(workspace_quota=10)
    async with client_of(app) as client:
        rest = RestDoor(app, client)
        for _ in range(2):
            await make_file(rest, world, b"12345")
        file = await make_file(rest, world, b"67890")
        async with refused(rest, "PAYLOAD_TOO_LARGE") as refusal:
            await make_file(rest, world, b"x")
        assert refusal.details == {"limit": "workspace_quota", "maximum": 10, "used": 10}
        assert len(await stored(app)) == 2
        # What lies in the trash counts; what is gone does not.
        await rest.call("delete_file", token=world.admin.token, id=file["id"])
        async with refused(rest, "PAYLOAD_TOO_LARGE"):
            await make_file(rest, world, b"x")
        await rest.call("delete_file", token=world.admin.token, id=file["id"], permanent=True)
        await make_file(rest, world, b"x")
        # Another workspace has a quota of its own.
        await make_file(rest, world, b"1234567890", workspace_id=world.editor.home)
        async with refused(rest, "PAYLOAD_TOO_LARGE"):
            await rest.call("upload_files", token=world.viewer.token, form=form_of(b"123456", b"78901"))
        assert {key.workspace_id for key in await stored(app)} == {world.workspace, world.editor.home}
