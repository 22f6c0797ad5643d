"""Uploads with a ticket: what may be brought by it, once, and what is refused."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI

from api.core.files.upload_tickets import UploadTickets
from db.clock import utc_now
from tests.conftest import AppFactory, client_of
from tests.doors.door import Door, RestDoor
from tests.doors.erasing import stored
from tests.doors.people import World, make_world
from tests.doors.refusals import refused
from tests.doors.rows import all_rows, take_rows
from tests.doors.things import last_seq, make_item, read_log
from tests.doors.uploading import CONTENT, appended, make_file
from tests.files.promising import promise
from tests.files.uploads import Sent, code_of

NOWHERE = "0198c0de-0000-7000-8000-000000000000"


async def test_a_file_is_promised_and_brought_and_then_there(
    door: Door, world: World, bearer: httpx.AsyncClient
) -> None:
    item, token = await make_item(door, world), world.editor.token
    before, now = await last_seq(door, world), utc_now()
    upload = await promise(door, world, item_id=item["id"], media_type="Text/Plain; charset=utf-8")
    place, _, ticket = upload["url"].partition("?ticket=tfu_")
    assert place == f"/api/uploads/{upload['id']}"
    assert len(ticket) == 64
    assert timedelta(hours=23) < datetime.fromisoformat(upload["expires_at"]) - now < timedelta(hours=25)
    plain = {key: upload[key] for key in ("method", "headers", "size", "received", "file")}
    assert plain == {
        "method": "PUT",
        "headers": [{"name": "Content-Type", "value": "text/plain"}],
        "size": len(CONTENT),
        "received": 0,
        "file": {"id": upload["id"], "status": "pending"},
    }
    async with refused(door, "CONFLICT") as refusal:
        await door.call("complete_upload", token=token, id=upload["id"])
    assert refusal.details == {"received": 0, "size": len(CONTENT)}
    # It is nobody's to see, and no change, before it is there.
    assert (await door.call("list_files", token=token, item_id=item["id"]))["data"] == []
    assert await last_seq(door, world) == before

    headers = {header["name"]: header["value"] for header in upload["headers"]}
    answer = await bearer.request(upload["method"], upload["url"], headers=headers, content=CONTENT)

    assert (answer.status_code, answer.headers["location"]) == (201, f"/api/files/{upload['id']}")
    file = answer.json()
    assert await door.call("complete_upload", token=token, id=upload["id"]) == file
    assert await door.call("get_file", token=world.viewer.token, id=upload["id"]) == file
    assert (file["owner_id"], file["item_id"]) == (str(world.editor.id), item["id"])
    assert (file["media_type"], file["declared_media_type"]) == ("text/plain", "text/plain")
    assert file["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    told = await door.call("get_upload", token=token, id=upload["id"])
    assert told["file"]["status"].lower() == "ready"
    assert (told["received"], told["url"]) == (len(CONTENT), upload["url"])
    [change] = (await read_log(door, world, after=before))["data"]
    assert (change["entity"].lower(), change["entity_id"], change["actor_id"]) == ("file", file["id"], file["owner_id"])


async def test_a_ticket_counts_once_and_for_its_upload_alone(
    door: Door, world: World, bearer: httpx.AsyncClient
) -> None:
    upload, other = await promise(door, world), await promise(door, world, name="other.txt")
    place, _, ticket = upload["url"].partition("?ticket=")
    foreign = UploadTickets("another secret").address(UUID(upload["id"])).partition("?ticket=")[2]
    link = await make_file(RestDoor(door.app, bearer), world)
    wrong = [
        *(
            f"{place}?ticket={text}"
            for text in (foreign, "", "tfu_", ticket[:-1], ticket + "A", ticket[4:], "%00", "ä")
        ),
        other["url"].replace(other["id"], upload["id"]),
        place,
    ]
    before = await all_rows(door.app)
    for url in wrong:
        for answer in (
            await bearer.put(url, content=CONTENT),
            await bearer.get(url),
            await bearer.delete(url),
            await bearer.patch(url, content=b"S", headers=appended(b"S").headers),
        ):
            assert code_of(answer) == "UNAUTHENTICATED", url
    assert code_of(await bearer.put(f"{place.replace(upload['id'], NOWHERE)}", content=b"")) == "UNAUTHENTICATED"
    # A ticket opens nothing else, and is no link.
    for address in (f"/api/files/{link['id']}/content?link={ticket}", f"/api/files/{link['id']}?ticket={ticket}"):
        assert code_of(await bearer.get(address)) == "UNAUTHENTICATED"
    assert await all_rows(door.app) == before

    assert code_of(await bearer.put(upload["url"], content=CONTENT)) == "201"
    before = await all_rows(door.app)
    for again in (CONTENT, b"Another one!\n\n"):
        assert code_of(await bearer.put(upload["url"], content=again)) == "CONFLICT"
    head = appended(b"", len(CONTENT)).headers
    assert code_of(await bearer.patch(upload["url"], content=b"", headers=head)) == "CONFLICT"
    assert await all_rows(door.app) == before
    assert len(await stored(door.app)) == 1


async def test_of_two_at_once_one_brings_the_file(
    app: FastAPI, rest: Door, client: httpx.AsyncClient, world: World
) -> None:
    upload, full = await promise(rest, world), asyncio.Barrier(2)

    async def content(text: bytes) -> AsyncIterator[bytes]:
        yield text[:5]
        await full.wait()
        yield text[5:]

    texts = (CONTENT, CONTENT.upper())
    async with asyncio.timeout(20):
        answers = await asyncio.gather(*(client.put(upload["url"], content=content(text)) for text in texts))
    assert sorted(map(code_of, answers)) == ["201", "CONFLICT"]
    [file] = [answer.json() for answer in answers if answer.is_success]
    assert (await rest.call("list_files", token=world.viewer.token, workspace_id=str(world.workspace)))["data"] == [
        file
    ]
    [key] = await stored(app)
    assert [row["id"] for row in (await take_rows(app, "blobs"))["blobs"]] == [key.blob_id]


async def test_what_is_not_as_promised_is_refused_and_the_ticket_stays_good(
    app: FastAPI, rest: Door, client: httpx.AsyncClient, world: World
) -> None:
    upload = await promise(rest, world, sha256=hashlib.sha256(CONTENT).hexdigest().upper())
    of_any_sum = await promise(rest, world)
    before = await all_rows(app)

    async def unannounced(content: bytes) -> AsyncIterator[bytes]:
        yield content

    for content, code in (
        (CONTENT[:-1], "VALIDATION_ERROR"),
        (unannounced(CONTENT[:-1]), "VALIDATION_ERROR"),
        (CONTENT + b"x", "VALIDATION_ERROR"),
        (unannounced(CONTENT + b"x"), "PAYLOAD_TOO_LARGE"),
        (unannounced(b""), "VALIDATION_ERROR"),
        (CONTENT.upper(), "VALIDATION_ERROR"),
    ):
        sent: Any = content
        assert code_of(await client.put(upload["url"], content=sent)) == code
        assert await stored(app) == []
    for content in (unannounced(CONTENT[:-1]), unannounced(b"")):
        sent = content
        assert code_of(await client.put(of_any_sum["url"], content=sent)) == "VALIDATION_ERROR"
    assert await stored(app) == []
    assert await all_rows(app) == before
    assert code_of(await client.put(upload["url"], content=CONTENT)) == "201"


BAD: dict[str, dict[str, Any]] = {
    "a path": {"name": "../../etc/passwd"},
    "no name": {"name": ""},
    "a name that turns round": {"name": "a\u202egnp.exe"},
    "NUL in the name": {"name": "a\x00.txt"},
    "4 KiB of a name": {"name": "a" * 4096},
    "less than nothing": {"size": -1},
    "a half byte": {"size": 1.5},
    "a size in words": {"size": "3"},
    "no number of bytes": {"size": 2**53},
    "no media type": {"media_type": "plain"},
    "a media type that is two lines": {"media_type": "text/plain\r\nX-A: b"},
    "no checksum": {"sha256": "0" * 63},
    "an unknown field": {"id": NOWHERE},
}


async def test_a_promise_that_makes_no_sense_is_refused(rest: Door, world: World) -> None:
    for what, values in BAD.items():
        async with refused(rest, "VALIDATION_ERROR") as refusal:
            await promise(rest, world, **values)
        assert refusal.paths == set(values), what


async def test_what_would_be_too_much_is_refused_before_and_when_it_comes(make_app: AppFactory) -> None:
    app = await make_app(max_file_size=20, workspace_quota=30)
    world = await make_world(app)
    async with client_of(app) as client:
        rest = RestDoor(app, client)
        async with refused(rest, "PAYLOAD_TOO_LARGE") as refusal:
            await promise(rest, world, size=21)
        assert refusal.details == {"limit": "file_size", "maximum": 20}
        first, second = [await promise(rest, world, name=name, size=20) for name in ("a", "b")]
        assert code_of(await client.put(first["url"], content=b"a" * 20)) == "201"
        answer = await client.put(second["url"], content=b"b" * 20)
        assert (code_of(answer), answer.json()["error"]["details"]["limit"]) == ("PAYLOAD_TOO_LARGE", "workspace_quota")
        head = appended(b"", 0).headers
        answer = await client.patch(second["url"], content=b"b" * 11, headers=head)
        assert (code_of(answer), answer.json()["error"]["details"]["used"]) == ("PAYLOAD_TOO_LARGE", 20)
        # What has come in parts counts, too.
        assert code_of(await client.patch(second["url"], content=b"b" * 9, headers=head)) == "204"
        async with refused(rest, "PAYLOAD_TOO_LARGE"):
            await promise(rest, world, size=2)
        async with refused(rest, "PAYLOAD_TOO_LARGE"):
            await make_file(rest, world, b"xy", token=world.editor.token)
        # Bytes that are there already take no room.
        third = await promise(rest, world, name="c", size=1)
        assert code_of(await client.put(third["url"], content=b"c")) == "201"
        assert len(await stored(app)) == 3


async def test_what_came_in_parts_counts_once_when_it_is_put_together(make_app: AppFactory) -> None:
    app = await make_app(workspace_quota=25)
    world = await make_world(app)
    async with client_of(app) as client:
        upload = await promise(RestDoor(app, client), world, size=20)
        for offset in (0, 10):
            head = appended(b"", offset).headers
            assert code_of(await client.patch(upload["url"], content=b"x" * 10, headers=head)) == "204"


async def test_bytes_are_of_any_number_and_are_paid_for(make_app: AppFactory) -> None:
    limits = {"body_limit_bytes": 16_384, "anonymous_body_limit_bytes": 16_384}
    app = await make_app(rate_limits=True, budget="3000/minute", **limits)
    world = await make_world(app)
    async with client_of(app) as client:
        rest, content = RestDoor(app, client), bytes(600 * 1024)
        at_once, in_parts = [await promise(rest, world, size=len(content)) for _ in range(2)]
        own = {"Authorization": f"Bearer {world.editor.token}"}

        async def left() -> int:
            told = (await client.get("/api/users/me", headers=own)).headers["ratelimit"]
            return int(told.partition("r=")[2].partition(";")[0])

        before = await left()
        assert code_of(await client.put(at_once["url"], content=content)) == "201"
        between = await left()
        assert before - between >= 600
        head = appended(b"").headers
        assert code_of(await client.patch(in_parts["url"], content=content, headers=head)) == "204"
        assert between - await left() >= 600


async def test_who_may_not_bring_it_is_told_before_a_byte_is_read(
    rest: Door, client: httpx.AsyncClient, world: World
) -> None:
    upload, member = await promise(rest, world), {"id": str(world.workspace), "user_id": str(world.editor.id)}
    await rest.call("update_member", token=world.admin.token, **member, data={"role": "viewer"})
    for method, head in (("PUT", {}), ("PATCH", appended(b"").headers)):
        sent = Sent([CONTENT])
        answer = await client.request(method, upload["url"], content=aiter(sent), headers=head)
        assert (code_of(answer), sent.taken) == ("FORBIDDEN", 0)


async def test_only_types_that_are_allowed_come_in(make_app: AppFactory) -> None:
    app = await make_app(file_types=["image/*"])
    world = await make_world(app)
    async with client_of(app) as client:
        upload = await promise(RestDoor(app, client), world, media_type="image/png")
        assert code_of(await client.put(upload["url"], content=CONTENT)) == "UNSUPPORTED_MEDIA_TYPE"
        assert await stored(app) == []
