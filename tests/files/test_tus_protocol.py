"""Uploads by tus 1.0: what is spoken, and what is refused."""

from typing import Any

import httpx
from fastapi import FastAPI

from tests.conftest import client_of
from tests.doors.people import World
from tests.doors.rows import all_rows
from tests.doors.uploading import appended, begun
from tests.files.tus import CONTENT, EDITION, Tus
from tests.files.uploads import code_of


async def test_what_is_spoken_is_told(client: httpx.AsyncClient) -> None:
    told = await client.options("/api/tus")
    assert told.status_code == 204
    assert {name: value for name, value in told.headers.items() if name.startswith("tus-")} == {
        "tus-resumable": "1.0.0",
        "tus-version": "1.0.0",
        "tus-extension": "creation,checksum,expiration,termination",
        "tus-max-size": str(100 * 1024 * 1024),
        "tus-checksum-algorithm": "sha1,sha256,sha512,md5",
    }


async def test_an_empty_file_is_there_at_once(tus: Tus) -> None:
    url = await tus.begin(0, filename="nothing.txt")
    assert (await tus.file(url))["size"] == 0
    assert await tus.offset(url) == 0


async def test_where_no_other_method_can_be_sent_a_post_says_which_is_meant(
    tus: Tus, client: httpx.AsyncClient
) -> None:
    url = await tus.begin()
    meant = appended(b"").headers | {"X-HTTP-Method-Override": "PATCH"}
    assert code_of(await client.post(url, content=CONTENT[:10], headers=meant)) == "204"
    assert await tus.offset(url) == 10
    for told in ({"X-HTTP-Method-Override": "PUT"}, {}):
        assert (await client.post(url, content=CONTENT[10:], headers=EDITION | told)).status_code == 405
    assert (await client.post(url, headers={"X-HTTP-Method-Override": "DELETE"})).status_code == 405
    assert (await client.post(url, headers=EDITION | {"X-HTTP-Method-Override": "DELETE"})).status_code == 204


async def test_another_version_of_the_protocol_is_refused(
    app: FastAPI, tus: Tus, client: httpx.AsyncClient, world: World
) -> None:
    url = await tus.begin()
    before = await all_rows(app)
    for told in ({}, {"Tus-Resumable": "0.2.2"}):
        head = {**appended(b"").headers, **told}
        if not told:
            del head["Tus-Resumable"]
        own = {"Authorization": f"Bearer {world.editor.token}", "Upload-Length": "3"}
        for answer in (
            await client.patch(url, content=b"x", headers=head),
            await client.post("/api/tus", headers=own | told),
        ):
            assert (answer.status_code, answer.headers["tus-version"]) == (412, "1.0.0")
            assert code_of(answer) == "PRECONDITION_FAILED"
    answer = await tus.append(url, b"x", 0, **{"Content-Type": "application/octet-stream"})
    assert (code_of(answer), answer.headers["tus-resumable"]) == ("UNSUPPORTED_MEDIA_TYPE", "1.0.0")
    assert await all_rows(app) == before


WRONG = {
    "no length": {},
    "a length of words": {"Upload-Length": "x"},
    "a negative length": {"Upload-Length": "-1"},
    "a length to be told later": {"Upload-Defer-Length": "1"},
    "no base64": {"Upload-Length": "3", "Upload-Metadata": "filename %"},
    "no UTF-8": {"Upload-Length": "3", "Upload-Metadata": "filename /w=="},
    "a key twice": {"Upload-Length": "3", "Upload-Metadata": "filename YQ==,filename Yg=="},
    "an empty key": {"Upload-Length": "3", "Upload-Metadata": "filename YQ==,,"},
    "too much": {"Upload-Length": "3", "Upload-Metadata": "filename " + "YWFh" * 3000},
    "no place": {"Upload-Length": "3", "Upload-Metadata": "item_id YQ=="},
    "no checksum": {"Upload-Length": "3", "Upload-Metadata": "sha256 YQ=="},
    "no media type": {"Upload-Length": "3", "Upload-Metadata": "filetype YQ=="},
}


async def test_a_promise_that_makes_no_sense_is_refused(app: FastAPI, tus: Tus) -> None:
    before = await all_rows(app)
    for what, headers in WRONG.items():
        answer = await tus.promise(EDITION | headers)
        assert code_of(answer) == "VALIDATION_ERROR", what
        assert answer.headers["tus-resumable"] == "1.0.0"
    assert await all_rows(app) == before


async def test_a_key_that_means_nothing_here_is_kept_for_who_sent_it(tus: Tus, client: httpx.AsyncClient) -> None:
    url = await tus.begin(3, filename="..\\/", relativePath="a/b", is_confidential="", name="x")
    told = (await client.head(url, headers=EDITION)).headers["upload-metadata"]
    assert "relativePath YS9i" in told
    await tus.append(url, b"abc", 0)
    assert (await tus.file(url))["name"] == "file"


async def test_a_page_elsewhere_may_speak_it(make_app: Any, world: World) -> None:
    app = await make_app(cors_origins=["https://app.example"])
    async with client_of(app) as client:
        asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "PATCH"}
        wanted = "tus-resumable,upload-offset,upload-length,upload-metadata,content-type"
        answer = await client.options("/api/tus", headers=asked | {"Access-Control-Request-Headers": wanted})
        assert answer.status_code == 200
        assert {one.strip() for one in answer.headers["access-control-allow-headers"].lower().split(",")} >= set(
            wanted.split(",")
        )
        promised = begun(3).headers | {"Origin": "https://app.example", "Authorization": f"Bearer {world.editor.token}"}
        told = await client.post("/api/tus", headers=promised)
        exposed = {one.strip().lower() for one in told.headers["access-control-expose-headers"].split(",")}
        assert exposed >= {"location", "upload-offset", "upload-length", "tus-resumable", "upload-expires"}
        assert told.headers["access-control-allow-origin"] == "https://app.example"
