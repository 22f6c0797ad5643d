"""Uploads by tus 1.0: what comes in parts, what is kept of it, and what becomes of the last one."""

import asyncio
import base64
import hashlib
import os
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime

import httpx
import pytest
from fastapi import FastAPI

from api.services.work.checking_files import check_files
from db.clock import utc_now
from db.errors import DatabaseUnavailableError
from tests.doors.erasing import Promises, stored
from tests.doors.people import World
from tests.doors.rows import all_rows, take_rows
from tests.doors.uploading import appended
from tests.files.tus import CONTENT, EDITION, PART, SUM, Tus, chunks, hang_up
from tests.files.uploads import code_of, kept


@pytest.fixture(autouse=True)
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let parts be short."""
    monkeypatch.setattr("api.services.bringing.PART_BYTES", PART)


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
