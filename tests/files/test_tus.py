"""Uploads by tus 1.0, request by request: what comes in parts, what is kept of it, and what becomes of the last one."""

import asyncio
import base64
import hashlib
import os
from collections.abc import AsyncIterator, Sequence
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI

from api.services.work.checking_files import check_files
from db.clock import utc_now
from db.errors import DatabaseUnavailableError
from tests.conftest import client_of
from tests.doors.erasing import Promises, stored
from tests.doors.people import World
from tests.doors.rows import all_rows, take_rows
from tests.doors.uploading import appended, begun
from tests.files.uploads import kept

CONTENT = bytes(range(256)) * 10
SUM = hashlib.sha256(CONTENT).hexdigest()
PART = 1000
EDITION = {"Tus-Resumable": "1.0.0"}


@pytest.fixture(autouse=True)
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let parts be short."""
    monkeypatch.setattr("api.services.bringing.PART_BYTES", PART)


def code_of(answer: httpx.Response) -> str:
    """Return the code of a refusal, or the status."""
    return str(answer.json()["error"]["code"]) if answer.is_error else str(answer.status_code)


class Tus:
    """A client of tus, of the editor's."""

    def __init__(self, client: httpx.AsyncClient, world: World) -> None:
        self.client = client
        self._world = world

    async def begin(self, size: int = len(CONTENT), **told: Any) -> str:
        """Promise a file, and return where its bytes are sent."""
        told.setdefault("workspace_id", self._world.workspace)
        answer = await self.promise(begun(size, **told).headers)
        assert (answer.status_code, answer.content) == (201, b"")
        return answer.headers["location"]

    async def promise(self, headers: dict[str, str]) -> httpx.Response:
        """Promise a file with these headers."""
        own = {"Authorization": f"Bearer {self._world.editor.token}"}
        return await self.client.post("/api/tus", headers=headers | own)

    async def append(self, url: str, content: Any, offset: int, **headers: str) -> httpx.Response:
        """Send bytes."""
        return await self.client.patch(url, content=content, headers=appended(b"", offset, **headers).headers)

    async def offset(self, url: str) -> int:
        """Ask how many bytes there are."""
        answer = await self.client.head(url, headers=EDITION)
        assert answer.status_code == 200
        return int(answer.headers["upload-offset"])

    async def file(self, url: str) -> dict[str, Any]:
        """Return the file that an upload became."""
        answer = await self.client.get(
            f"/api/files/{id_of(url)}", headers={"Authorization": f"Bearer {self._world.editor.token}"}
        )
        return dict(answer.raise_for_status().json())


@pytest.fixture
def tus(client: httpx.AsyncClient, world: World) -> Tus:
    """A client of tus."""
    return Tus(client, world)


def id_of(url: str) -> str:
    """Return the id of an upload."""
    return urlsplit(url).path.rsplit("/", 1)[1]


async def hang_up(app: FastAPI, url: str, chunks: Sequence[bytes], offset: int, **headers: str) -> None:
    """Send bytes, and then be gone in the middle of the request."""
    parts = urlsplit(url)
    told = appended(b"", offset, **headers).headers
    messages = iter(
        [
            *({"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks),
            {"type": "http.disconnect"},
        ]
    )
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "PATCH",
        "scheme": "http",
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in told.items()],
        "client": ("127.0.0.1", 1),
        "server": ("twofold.test", 80),
    }

    async def receive() -> Any:
        return next(messages)

    async def send(_message: Any) -> None:
        raise AssertionError("nobody is there to be answered")

    await app(scope, receive, send)


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


async def test_a_file_comes_in_pieces(
    app: FastAPI, tus: Tus, client: httpx.AsyncClient, world: World, promises: Promises
) -> None:
    url = await tus.begin(filename="C:\\seeds\\ä.bin", filetype="application/x-seeds", sha256=SUM)
    head = await client.head(url, headers=EDITION)
    expires = parsedate_to_datetime(head.headers["upload-expires"])
    assert 23 < (expires - utc_now()).total_seconds() / 3600 < 25
    assert head.headers["cache-control"] == "no-store"
    assert (head.headers["upload-length"], head.headers["upload-offset"]) == (str(len(CONTENT)), "0")
    told = dict(pair.split(" ") for pair in head.headers["upload-metadata"].split(","))
    assert base64.b64decode(told["filename"]).decode() == "C:\\seeds\\ä.bin"
    # Of which one is longer than a part, one is empty, and one has the first part's end in its middle.
    for start, end in ((0, 10), (10, 2100), (2100, 2100), (2100, len(CONTENT))):
        assert (await tus.offset(url)) == start
        answer = await tus.append(url, CONTENT[start:end], start)
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["upload-offset"] == str(end)
        assert answer.headers["tus-resumable"] == "1.0.0"
        assert "upload-expires" in answer.headers
    assert await tus.offset(url) == len(CONTENT)
    file = await tus.file(url)
    assert (file["name"], file["size"], file["sha256"]) == ("ä.bin", len(CONTENT), SUM)
    assert (file["declared_media_type"], file["media_type"]) == ("application/x-seeds", "application/octet-stream")
    own = {"Authorization": f"Bearer {world.editor.token}"}
    assert (await client.get(f"/api/files/{file['id']}/content", headers=own)).content == CONTENT
    await promises.keep(app)
    assert [key.blob_id for key in await stored(app)] == [row["id"] for row in (await take_rows(app, "blobs"))["blobs"]]
    assert (await take_rows(app, "upload_parts"))["upload_parts"] == []


async def test_an_empty_file_is_there_at_once(tus: Tus) -> None:
    url = await tus.begin(0, filename="nothing.txt")
    assert (await tus.file(url))["size"] == 0
    assert await tus.offset(url) == 0


async def test_what_had_come_before_a_client_was_gone_is_kept(app: FastAPI, tus: Tus) -> None:
    url = await tus.begin()
    await hang_up(app, url, [CONTENT[:700], CONTENT[700:1300]], 0)
    assert await tus.offset(url) == 1300
    await hang_up(app, url, [], 1300)
    assert await tus.offset(url) == 1300
    # All of it had come, although nobody heard of it.
    await hang_up(app, url, [CONTENT[1300:]], 1300)
    assert await tus.offset(url) == len(CONTENT)
    assert (await tus.file(url))["sha256"] == SUM


async def test_of_a_request_with_a_checksum_all_is_kept_or_nothing(app: FastAPI, tus: Tus) -> None:
    url = await tus.begin()
    before = await all_rows(app)

    def by(algorithm: str, content: bytes) -> dict[str, str]:
        digest = hashlib.new(algorithm, content).digest()
        return {"Upload-Checksum": f"{algorithm} {base64.b64encode(digest).decode()}"}

    answer = await tus.append(url, CONTENT[:1500], 0, **by("sha1", CONTENT))
    assert (answer.status_code, code_of(answer)) == (460, "CHECKSUM_MISMATCH")
    assert answer.json()["title"] == "Checksum Mismatch"
    for wrong in ("crc32 AAAA", "sha1", "sha1 %%"):
        answer = await tus.append(url, CONTENT[:1500], 0, **{"Upload-Checksum": wrong})
        assert answer.status_code in (400, 460), wrong
    await hang_up(app, url, [CONTENT[:1500]], 0, **by("sha1", CONTENT[:1500]))
    assert await all_rows(app) == before
    assert await stored(app) == []
    start = 0
    for algorithm, end in (("sha1", 1), ("md5", 1500), ("sha512", 1501), ("sha256", len(CONTENT))):
        piece = CONTENT[start:end]
        assert code_of(await tus.append(url, piece, start, **by(algorithm, piece))) == "204"
        start = end
    assert (await tus.file(url))["sha256"] == SUM


async def test_who_goes_on_elsewhere_than_where_it_is_is_told_where_that_is(app: FastAPI, tus: Tus) -> None:
    url = await tus.begin()
    await tus.append(url, CONTENT[:1500], 0)
    before, kept = await all_rows(app), await stored(app)
    for offset in (0, 1499, 1501, len(CONTENT)):
        answer = await tus.append(url, CONTENT[offset:], offset)
        assert (code_of(answer), answer.json()["error"]["details"]) == ("CONFLICT", {"received": 1500})
    for wrong in ("-1", "1.5", "x", "", "١"):
        head = appended(b"").headers | {"Upload-Offset": wrong}
        refused = await tus.client.patch(
            url, content=b"", headers=[(name.encode(), value.encode()) for name, value in head.items()]
        )
        assert code_of(refused) == "VALIDATION_ERROR"
    assert (await all_rows(app), await stored(app)) == (before, kept)


async def test_of_two_who_go_on_at_the_same_place_one_does(app: FastAPI, tus: Tus) -> None:
    url, full = await tus.begin(), asyncio.Barrier(2)

    async def content(text: bytes) -> AsyncIterator[bytes]:
        yield text[:5]
        await full.wait()
        yield text[5:900]

    async with asyncio.timeout(20):
        answers = await asyncio.gather(*(tus.append(url, content(text), 0) for text in (CONTENT, CONTENT[::-1])))
    assert sorted(map(code_of, answers)) == ["204", "CONFLICT"]
    [refused] = [answer for answer in answers if answer.is_error]
    assert refused.json()["error"]["details"] == {"received": 900}
    assert await tus.offset(url) == 900
    assert [key.blob_id for key in await stored(app)] == [
        row["id"] for row in (await take_rows(app, "upload_parts"))["upload_parts"]
    ]


async def test_who_brings_the_end_while_another_one_goes_on_does_not_end_it(app: FastAPI, tus: Tus) -> None:
    url, begun_, gone_on = await tus.begin(900), asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield CONTENT[:5]
        begun_.set()
        await gone_on.wait()
        yield CONTENT[5:900]

    async with asyncio.timeout(20):
        all_of_it = asyncio.create_task(tus.append(url, slowly(), 0))
        await begun_.wait()
        assert code_of(await tus.append(url, CONTENT[:300], 0)) == "204"
        gone_on.set()
        assert code_of(await all_of_it) == "CONFLICT"
    assert await tus.offset(url) == 300
    assert code_of(await tus.append(url, CONTENT[300:900], 300)) == "204"
    assert (await tus.file(url))["sha256"] == hashlib.sha256(CONTENT[:900]).hexdigest()
    assert (await take_rows(app, "upload_parts"))["upload_parts"] == []


async def test_the_sweep_leaves_what_is_still_waited_for(app: FastAPI, tus: Tus) -> None:
    url = await tus.begin()
    await tus.append(url, CONTENT[:1500], 0)
    for path in kept(app):
        os.utime(path, (0, 0))
    findings = await check_files(app.state.database, app.state.file_rules.store)
    assert (findings.removed, findings.is_whole) == (0, True)
    assert code_of(await tus.append(url, CONTENT[1500:], 1500)) == "204"
    assert (await tus.file(url))["sha256"] == SUM


async def test_more_than_was_promised_is_refused(app: FastAPI, tus: Tus) -> None:
    # Where a part ends, too: what is noted then must not be all.
    for size in (10, PART, 2 * PART):
        url = await tus.begin(size)
        answer = await tus.append(url, chunks(CONTENT[: size + 1]), 0)
        assert (code_of(answer), answer.json()["error"]["details"]["maximum"]) == ("PAYLOAD_TOO_LARGE", size)
        assert await tus.offset(url) == max(0, size - PART)
    assert (await take_rows(app, "files"))["files"] == []
    assert len(await stored(app)) == 1


async def chunks(content: bytes) -> AsyncIterator[bytes]:
    """Yield bytes a few at a time."""
    for start in range(0, len(content), 500):
        yield content[start : start + 500]


async def test_all_bytes_are_never_there_without_the_file(
    app: FastAPI, tus: Tus, promises: Promises, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = await tus.begin()
    with monkeypatch.context() as broken:

        async def gone(*_args: object) -> None:
            raise DatabaseUnavailableError("the connection was lost")

        broken.setattr("api.services.log.record", gone)
        assert code_of(await tus.append(url, CONTENT, 0)) == "UNAVAILABLE"
    # The last part is brought again, and only then is it all.
    assert await tus.offset(url) == 2 * PART
    assert code_of(await tus.append(url, CONTENT[2 * PART :], 2 * PART)) == "204"
    assert (await tus.file(url))["sha256"] == SUM
    await promises.keep(app)
    known = [row["id"] for row in (await take_rows(app, "blobs"))["blobs"]]
    # What the failure left in the store, nobody knows of: the sweep removes it.
    assert {key.blob_id for key in await stored(app)} >= set(known)


async def test_what_cannot_be_kept_once_it_is_all_there_is_given_up(
    app: FastAPI, tus: Tus, client: httpx.AsyncClient, promises: Promises
) -> None:
    url = await tus.begin(sha256="0" * 64)
    assert code_of(await tus.append(url, CONTENT, 0)) == "VALIDATION_ERROR"
    assert (await client.head(url, headers=EDITION)).status_code == 404
    await promises.keep(app)
    assert await stored(app) == []
    rows = await take_rows(app, "uploads", "upload_parts", "files")
    assert [rows[name] for name in ("uploads", "upload_parts", "files")] == [[], [], []]


async def test_so_many_parts_an_upload_may_have(app: FastAPI, tus: Tus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.services.bringing.MAX_PARTS", 2)
    url = await tus.begin()
    for offset in range(2):
        assert code_of(await tus.append(url, CONTENT[offset : offset + 1], offset)) == "204"
    assert code_of(await tus.append(url, CONTENT[2:3], 2)) == "CONFLICT"
    # The last one takes no room.
    assert code_of(await tus.append(url, CONTENT[2:900], 2)) == "CONFLICT"
    assert len(await stored(app)) == 2


async def test_it_is_ended_by_who_began_it(
    app: FastAPI, tus: Tus, client: httpx.AsyncClient, promises: Promises
) -> None:
    url = await tus.begin()
    await tus.append(url, CONTENT[:1500], 0)
    answer = await client.delete(url, headers=EDITION)
    assert (answer.status_code, answer.headers["tus-resumable"]) == (204, "1.0.0")
    assert (await client.head(url, headers=EDITION)).status_code == 404
    assert code_of(await tus.append(url, CONTENT[1500:], 1500)) == "NOT_FOUND"
    await promises.keep(app)
    assert await stored(app) == []


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
