"""Thumbnails of files: who sees them, by what address, and what becomes of them."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from api.core.files.store import Key
from api.core.files.thumbnails import Shrinker
from api.schemas.jobs import MakeThumbnails
from api.server.working import tools_of
from api.services.jobs import enqueue
from api.services.work.checking_files import check_files
from api.services.work.shrinking import make_thumbnails, promise_thumbnails
from db.clock import utc_now
from db.unit_of_work import UnitOfWork
from tests.conftest import client_of
from tests.doors.door import Door
from tests.doors.erasing import Promises, stored
from tests.doors.people import World
from tests.doors.refusals import refused
from tests.doors.rows import take_rows
from tests.doors.uploading import make_file
from tests.files.pictures import colour, opened, picture, told
from tests.files.test_live import sign_in
from tests.graphql.asking import read
from tests.live import serve

PICTURE = picture("JPEG", 800, 400, exif=told(orientation=6))
URLS = """query ($id: ID!) { file(id: $id) {
  thumbnailUrl small: thumbnailUrl(size: 64) square: thumbnailUrl(size: 1024, fit: COVER) again: thumbnailUrl
} }"""


class Wanted:
    """The thumbnails that were promised, to be made when a test says so."""

    def __init__(self) -> None:
        self.works: list[MakeThumbnails] = []

    async def note(self, uow: UnitOfWork, work: MakeThumbnails) -> None:
        """Promise a job as a service does, and remember it."""
        await enqueue(uow, work)
        self.works.append(work)

    async def make(self, app: FastAPI) -> None:
        """Do the jobs, as a worker would: twice is as once."""
        tools = tools_of(app.state.settings, app.state.database)
        while self.works:
            work = self.works.pop(0)
            await make_thumbnails(tools, uuid4(), work)
            await make_thumbnails(replace(tools, shrinker=_Unwanted()), uuid4(), work)


class _Unwanted(Shrinker):
    """What must not be asked."""

    async def shrink(self, pieces: Any) -> Any:
        """Complain."""
        raise AssertionError(pieces)


@pytest.fixture
def wanted(monkeypatch: pytest.MonkeyPatch) -> Wanted:
    """What was promised."""
    wanted = Wanted()
    for place in ("new_files", "work.shrinking"):
        monkeypatch.setattr(f"api.services.{place}.enqueue", wanted.note)
    monkeypatch.setattr("api.services.thumbnails.BETWEEN_SECONDS", 0.01)
    return wanted


async def make_picture(rest: Door, world: World, content: bytes = PICTURE, **values: Any) -> dict[str, Any]:
    """Upload a picture into the workspace."""
    return await make_file(rest, world, content, name="a.jpg", media_type="image/jpeg", **values)


async def get(client: httpx.AsyncClient, file: dict[str, Any], token: str, query: str = "", **headers: str) -> Any:
    """Ask for a thumbnail."""
    own = {"Authorization": f"Bearer {token}", **headers}
    return await client.get(f"/api/files/{file['id']}/thumbnail{query}", headers=own)


async def test_there_are_some_of_each_size_upright(
    app: FastAPI, rest: Door, client: httpx.AsyncClient, world: World, wanted: Wanted
) -> None:
    file = await make_picture(rest, world)
    await wanted.make(app)
    for query, size in {
        "": (128, 256),
        "?w=64&h=64": (32, 64),
        "?w=64&fit=cover": (64, 64),
        "?w=256&h=256&fit=contain": (128, 256),
        "?w=1024&h=1024&fit=cover": (400, 400),
    }.items():
        answer = await get(client, file, world.viewer.token, query)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
        image = opened(answer.content)
        assert image.size == size, query
        assert (colour(image, 0.5, 0.1), colour(image, 0.5, 0.9)) == ("red", "blue")
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["cache-control"] == "private, max-age=3600"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "access-control-allow-origin" not in answer.headers
    again = await get(client, file, world.viewer.token, query, **{"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", answer.headers["etag"])
    other = await get(client, file, world.viewer.token, "?w=64", **{"If-None-Match": answer.headers["etag"]})
    assert other.status_code == 200
    own = {"Authorization": f"Bearer {world.viewer.token}"}
    head = await client.head(f"/api/files/{file['id']}/thumbnail", headers=own)
    assert (head.status_code, head.content) == (200, b"")


async def test_there_are_none_of_other_sizes(rest: Door, client: httpx.AsyncClient, world: World) -> None:
    file = await make_file(rest, world)
    for query, paths in {
        "?w=65": {"w"},
        "?w=0&h=0": {"w", "h"},
        "?w=64&h=256": {"h"},
        "?h=64": {"h"},
        "?w=1e2": {"w"},
        "?fit=fill": {"fit"},
        "?w=100000&h=100000": {"w", "h"},
    }.items():
        answer = await get(client, file, world.viewer.token, query)
        assert answer.status_code == 422
        assert {field["path"] for field in answer.json()["error"]["details"]["fields"]} == paths, query


async def test_an_address_is_for_pages_without_a_token_and_for_nothing_else(
    app: FastAPI, rest: Door, client: httpx.AsyncClient, world: World, wanted: Wanted
) -> None:
    file, text = await make_picture(rest, world), await make_file(rest, world)
    await wanted.make(app)
    assert set((await read(client, world.viewer.token, URLS, id=text["id"]))["file"].values()) == {None}
    urls = (await read(client, world.viewer.token, URLS, id=file["id"]))["file"]
    assert urls == (await read(client, world.viewer.token, URLS, id=file["id"]))["file"]
    assert urls["again"] == urls["thumbnailUrl"]
    async with client_of(app) as anyone:
        for name, size in (("thumbnailUrl", (128, 256)), ("small", (32, 64)), ("square", (400, 400))):
            answer = await anyone.get(urls[name])
            assert opened(answer.content).size == size
            assert answer.headers["access-control-allow-origin"] == "*"
            assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        # Neither is what the other one is.
        link = urls["small"].partition("&link=")[2]
        whole = await anyone.get(f"/api/files/{file['id']}/content?link={link}")
        assert whole.json()["error"]["message"] == "The link is not valid."
        made = await rest.call("create_download_link", token=world.viewer.token, id=file["id"], data={})
        to_file = made["url"].partition("?link=")[2]
        assert (await anyone.get(f"/api/files/{file['id']}/thumbnail?link={to_file}")).status_code == 401
        assert (await anyone.get(urls["small"].replace(file["id"], text["id"]))).status_code == 401
        assert (await anyone.get(f"/api/files/{file['id']}/thumbnail")).status_code == 401
        await rest.call("delete_file", token=world.editor.token, id=file["id"])
        assert (await anyone.get(urls["small"])).status_code == 404
        assert (await get(client, file, world.viewer.token)).status_code == 200
        await rest.call("restore_file", token=world.editor.token, id=file["id"])
        member = {"id": str(world.workspace), "user_id": str(world.viewer.id)}
        await rest.call("remove_member", token=world.admin.token, **member)
        assert (await anyone.get(urls["small"])).status_code == 404


async def test_an_address_of_another_size_is_refused(
    rest: Door, graphql: Door, client: httpx.AsyncClient, world: World
) -> None:
    file = await make_picture(rest, world)
    query = "query ($id: ID!) { file(id: $id) { thumbnailUrl(size: 65) } }"
    own = {"Authorization": f"Bearer {world.viewer.token}"}
    answer = await client.post("/graphql", json={"query": query, "variables": {"id": file["id"]}}, headers=own)
    [error] = answer.json()["errors"]
    assert error["extensions"]["code"] == "VALIDATION_ERROR"
    assert "64, 256 or 1024" in str(error["extensions"]["details"])
    assert graphql.name == "graphql"


async def test_of_a_picture_that_has_just_come_it_is_waited_for(
    app: FastAPI, rest: Door, client: httpx.AsyncClient, world: World, wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.services.thumbnails.TRIES", 2000)
    file = await make_picture(rest, world)
    async with asyncio.timeout(60):
        asked = asyncio.create_task(get(client, file, world.viewer.token))
        await wanted.make(app)
        assert (await asked).status_code == 200
    monkeypatch.setattr("api.services.thumbnails.TRIES", 2)
    never = await make_picture(rest, world, picture("PNG", 10, 10))
    assert (await get(client, never, world.viewer.token)).status_code == 404


async def test_of_what_is_broken_or_no_picture_there_is_none(
    app: FastAPI, rest: Door, client: httpx.AsyncClient, world: World, wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, broken = await make_file(rest, world), await make_picture(rest, world, PICTURE[: len(PICTURE) // 2])
    assert len(wanted.works) == 1
    await wanted.make(app)
    # Nobody waits for what cannot come.
    monkeypatch.setattr("api.services.thumbnails.TRIES", 10**9)
    for file in (text, broken):
        async with asyncio.timeout(30):
            answer = await get(client, file, world.viewer.token)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NOT_FOUND")
    [row] = (await take_rows(app, "thumbnails"))["thumbnails"]
    assert (row["stored_id"], row["parts"]) == (None, {})
    # The file itself is what it is.
    assert await rest.call("get_file_content", token=world.viewer.token, id=broken["id"])
    assert len(await stored(app)) == 2


async def test_they_go_with_the_last_file_that_has_the_picture(
    app: FastAPI, rest: Door, client: httpx.AsyncClient, world: World, wanted: Wanted, promises: Promises
) -> None:
    first, second = await make_picture(rest, world), await make_picture(rest, world)
    assert len(wanted.works) == 1
    await wanted.make(app)
    assert len(await stored(app)) == 2
    for file, left in ((first, 2), (second, 0)):
        if left:
            assert (await get(client, file, world.viewer.token)).status_code == 200
        await rest.call("delete_file", token=world.admin.token, id=file["id"], permanent=True)
        await promises.keep(app)
        assert len(await stored(app)) == left
        assert len((await take_rows(app, "thumbnails"))["thumbnails"]) == left // 2


async def test_they_go_with_their_workspace(
    app: FastAPI, rest: Door, world: World, wanted: Wanted, promises: Promises
) -> None:
    await make_picture(rest, world)
    await wanted.make(app)
    await rest.call("delete_workspace", token=world.admin.token, id=str(world.workspace))
    await promises.keep(app)
    assert await stored(app) == []
    assert (await take_rows(app, "thumbnails"))["thumbnails"] == []


async def test_of_a_picture_that_is_gone_meanwhile_nothing_is_made(
    app: FastAPI, rest: Door, world: World, wanted: Wanted, promises: Promises, monkeypatch: pytest.MonkeyPatch
) -> None:
    for operation, ids in (("delete_file", None), ("delete_workspace", str(world.workspace))):
        file = await make_picture(rest, world)
        [work] = wanted.works
        wanted.works.clear()
        tools = tools_of(app.state.settings, app.state.database)
        shrink = tools.shrinker.shrink

        async def gone(pieces: Any, operation: str = operation, ids: str = ids or file["id"]) -> Any:
            made = await shrink(pieces)  # noqa: B023 - called before the next round
            more = {"permanent": True} if operation == "delete_file" else {}
            await rest.call(operation, token=world.admin.token, id=ids, **more)
            return made

        monkeypatch.setattr(tools.shrinker, "shrink", gone)
        await make_thumbnails(tools, uuid4(), work)
        await promises.keep(app)
        assert await stored(app) == []
        assert (await take_rows(app, "thumbnails"))["thumbnails"] == []


async def test_what_was_lost_is_made_anew_and_what_nobody_knows_goes(
    app: FastAPI, rest: Door, client: httpx.AsyncClient, world: World, wanted: Wanted
) -> None:
    file = await make_picture(rest, world)
    await wanted.make(app)
    [row] = (await take_rows(app, "thumbnails"))["thumbnails"]
    store, database = app.state.file_rules.store, app.state.database
    lost, stray = Key(world.workspace, row["stored_id"]), Key(world.workspace, uuid4())
    await store.put_whole(stray, b"123")
    folder: Path = store.folder
    for path in folder.rglob("*"):
        os.utime(path, (0, 0))
    findings = await check_files(database, store)
    assert (findings.checked, findings.removed, findings.removed_bytes) == (1, 1, 3)
    await promise_thumbnails(database, before=utc_now())
    assert wanted.works == []

    await store.delete([lost])
    findings = await check_files(database, store)
    assert (findings.is_whole, findings.removed) == (True, 0)
    assert (await take_rows(app, "thumbnails"))["thumbnails"] == []
    [blob] = (await take_rows(app, "blobs"))["blobs"]
    await promise_thumbnails(database, before=blob["created_at"])
    assert wanted.works == []
    await promise_thumbnails(database, before=utc_now())
    assert [work.blob_id for work in wanted.works] == [blob["id"]]
    await wanted.make(app)
    assert (await get(client, file, world.viewer.token)).status_code == 200


async def test_strangers_see_none(rest: Door, world: World, wanted: Wanted) -> None:
    file = await make_picture(rest, world)
    await wanted.make(rest.app)
    async with refused(rest, "NOT_FOUND"):
        await rest.call("get_thumbnail", token=world.stranger.token, id=file["id"])


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
async def test_a_server_makes_them_by_itself(database_url: str, tmp_path: Path) -> None:
    async with serve(database_url, tmp_path, JOBS="here") as server, httpx.AsyncClient(timeout=30) as client:
        await sign_in(client, server)
        answer = await client.post(f"{server.url}/api/files", files={"files": ("a.jpg", PICTURE)})
        [file] = answer.json()["data"]
        found = await client.get(f"{server.url}/api/files/{file['id']}/thumbnail?w=64")
        assert opened(found.content).size == (32, 64)
