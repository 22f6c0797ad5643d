"""Clients that read and write the bucket themselves, at addresses that are signed for them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from tests.conftest import AppFactory, client_of
from tests.doors.door import Door, GraphQLDoor, RestDoor
from tests.doors.erasing import stored
from tests.doors.people import World, make_world
from tests.doors.refusals import refused
from tests.doors.rows import take_rows
from tests.doors.uploading import CONTENT, appended, begun, make_file

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Direct:
    """An application whose clients speak to its bucket, and two clients: one of its own, and one of the bucket's."""

    def __init__(self, app: FastAPI, world: World, client: httpx.AsyncClient, bucket: httpx.AsyncClient) -> None:
        self.app, self.world, self.client, self.bucket = app, world, client, bucket
        self.rest: Door = RestDoor(app, client)
        self.graphql: Door = GraphQLDoor(app, client)

    async def promise(self, door: Door | None = None, **values: Any) -> dict[str, Any]:
        """Let the editor promise a file."""
        data = {"name": "seeds.txt", "size": len(CONTENT), "workspace_id": str(self.world.workspace), **values}
        return dict(await (door or self.rest).call("create_upload", token=self.world.editor.token, data=data))

    async def complete(self, upload: dict[str, Any], door: Door | None = None) -> dict[str, Any]:
        """Let the editor say that the bytes are there."""
        return dict(await (door or self.rest).call("complete_upload", token=self.world.editor.token, id=upload["id"]))


@pytest_asyncio.fixture
async def direct(make_app: AppFactory, files_url: str) -> AsyncIterator[Direct]:
    """An application whose clients speak to its bucket."""
    app = await make_app(files_url=files_url, files_direct=True)
    async with client_of(app) as client, httpx.AsyncClient() as bucket:
        yield Direct(app, await make_world(app), client, bucket)


async def test_who_may_read_a_file_is_sent_to_the_bucket(direct: Direct) -> None:
    file = await make_file(direct.rest, direct.world, name="ä €.txt")
    path, own = f"/api/files/{file['id']}/content", {"Authorization": f"Bearer {direct.world.viewer.token}"}
    answer = await direct.client.get(path, headers=own)
    assert (answer.status_code, answer.content) == (307, b"")
    assert answer.headers["cache-control"] == "private, no-store"
    there = await direct.bucket.get(answer.headers["location"])
    assert (there.status_code, there.content) == (200, CONTENT)
    assert there.headers["content-type"] == "text/plain"
    assert (
        there.headers["content-disposition"] == "inline; filename=\"_ _.txt\"; filename*=UTF-8''%C3%A4%20%E2%82%AC.txt"
    )
    part = await direct.bucket.get(answer.headers["location"], headers={"Range": "bytes=4-5"})
    assert (part.status_code, part.content) == (206, CONTENT[4:6])
    # What needs no bytes is answered here.
    too_far = await direct.client.get(path, headers=own | {"Range": "bytes=99-"})
    assert (too_far.status_code, too_far.headers["content-range"]) == (416, f"bytes */{len(CONTENT)}")
    head = await direct.client.head(path, headers=own)
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(CONTENT)))
    known = await direct.client.get(path, headers=own | {"If-None-Match": head.headers["etag"]})
    assert known.status_code == 304
    stranger = {"Authorization": f"Bearer {direct.world.stranger.token}"}
    assert (await direct.client.get(path, headers=stranger)).status_code == 404
    link = await direct.rest.call(
        "create_download_link", token=direct.world.viewer.token, id=file["id"], data={"expires_in": 60}
    )
    sent_on = await direct.client.get(link["url"])
    assert (await direct.bucket.get(sent_on.headers["location"])).content == CONTENT


@pytest.mark.parametrize("name", ["rest", "graphql"])
async def test_who_may_upload_writes_into_the_bucket_and_says_so(direct: Direct, name: str) -> None:
    door: Door = getattr(direct, name)
    upload = await direct.promise(door, media_type="image/png")
    assert upload["url"].startswith("http://127.0.0.1:")
    assert (upload["method"], upload["headers"]) == ("PUT", [])
    async with refused(door, "CONFLICT"):
        await direct.complete(upload, door)
    assert (await direct.bucket.put(upload["url"], content=CONTENT)).is_success

    file = await direct.complete(upload, door)

    assert (file["id"], file["media_type"], file["declared_media_type"]) == (upload["id"], "text/plain", "image/png")
    assert await direct.complete(upload, door) == file
    assert await door.call("get_file", token=direct.world.viewer.token, id=file["id"]) == file
    [blob] = (await take_rows(direct.app, "blobs"))["blobs"]
    assert [key.blob_id for key in await stored(direct.app)] == [blob["id"]]
    # The signature counts still, but for nothing: the file has bytes of its own.
    assert (await direct.bucket.put(upload["url"], content=CONTENT.upper())).is_success
    assert await direct.complete(upload, door) == file
    own = {"Authorization": f"Bearer {direct.world.viewer.token}"}
    sent_on = await direct.client.get(f"/api/files/{file['id']}/content", headers=own)
    assert (await direct.bucket.get(sent_on.headers["location"])).content == CONTENT


async def test_what_is_not_as_promised_becomes_no_file(direct: Direct) -> None:
    upload = await direct.promise(sha256="0" * 64)
    for content in (CONTENT[:-1], CONTENT + b"x", CONTENT):
        assert (await direct.bucket.put(upload["url"], content=content)).is_success
        with pytest.raises(Exception, match=r"VALIDATION_ERROR|PAYLOAD_TOO_LARGE"):
            await direct.complete(upload)
    of_any_sum = await direct.promise()
    for content in (CONTENT[:-1], CONTENT + b"x"):
        assert (await direct.bucket.put(of_any_sum["url"], content=content)).is_success
        with pytest.raises(Exception, match=r"VALIDATION_ERROR|PAYLOAD_TOO_LARGE"):
            await direct.complete(of_any_sum)
    assert (await take_rows(direct.app, "files", "blobs")) == {"files": [], "blobs": []}
    assert {str(key.blob_id) for key in await stored(direct.app)} == {upload["id"], of_any_sum["id"]}


async def test_said_twice_at_once_it_is_one_file(direct: Direct) -> None:
    upload = await direct.promise()
    assert (await direct.bucket.put(upload["url"], content=CONTENT)).is_success
    first, second = await asyncio.gather(direct.complete(upload), direct.complete(upload, direct.graphql))
    assert first == second
    assert len((await take_rows(direct.app, "files"))["files"]) == 1
    assert len(await stored(direct.app)) == 1


async def test_what_goes_while_it_is_made_a_file_is_no_fault(direct: Direct, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = await direct.promise()

    async def was_there(_key: object) -> int:
        return len(CONTENT)

    monkeypatch.setattr(direct.app.state.file_rules.store, "size_of", was_there)
    async with refused(direct.rest, "CONFLICT"):
        await direct.complete(upload)


async def test_what_a_client_of_tus_sends_and_nothing_at_all_come_here(direct: Direct) -> None:
    own = {"Authorization": f"Bearer {direct.world.editor.token}"}
    told = await direct.client.post("/api/tus", headers=begun(len(CONTENT)).headers | own)
    url = told.headers["location"]
    assert url.startswith("/api/uploads/")
    assert (await direct.client.patch(url, content=CONTENT, headers=appended(b"").headers)).status_code == 204
    empty = await direct.promise(size=0)
    assert (await direct.client.put(empty["url"], content=b"")).status_code == 201
