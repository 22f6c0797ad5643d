"""What is taken of an upload, what is refused, and that nothing is left of what is refused."""

import asyncio
import hashlib
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.main import UPLOADS_OF_USER
from db.errors import DatabaseUnavailableError
from tests.conftest import AppFactory, client_of
from tests.doors.people import World
from tests.doors.rows import all_rows
from tests.files.uploads import END, HEAD, Sent, code_of, field, file_head, file_part, kept, upload

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

MIB = 1024 * 1024
ONE = file_part(b"x") + END


async def expect_refusal(app: FastAPI, client: httpx.AsyncClient, world: World, body: Any, code: str) -> httpx.Response:
    """Upload something that is refused, and see that nothing is left of it."""
    before, files = await all_rows(app), kept(app)
    answer = await upload(client, world.editor, body)
    assert code_of(answer) == code, answer.text
    assert await all_rows(app) == before
    assert kept(app) == files
    return answer


@pytest.mark.parametrize("with_length", [True, False])
async def test_a_file_of_the_largest_size_is_taken_and_one_byte_more_is_cut_off(
    make_app: AppFactory, world: World, *, with_length: bool
) -> None:
    app = await make_app(max_file_size=MIB, max_files_per_request=2)
    async with client_of(app) as client:
        taken = await upload(client, world.editor, file_part(b"x" * MIB) + END)
        assert taken.status_code == 201

        chunks = [file_head(), *[b"y" * 65536] * 16, b"z", *[b"y" * 65536] * 100, b"\r\n", END]
        sent = Sent(chunks)
        body = b"".join(chunks) if with_length else sent
        answer = await expect_refusal(app, client, world, body, "PAYLOAD_TOO_LARGE")
        assert answer.json()["error"]["details"] == {"limit": "file_size", "maximum": MIB}
        # No more was read than the byte that was too much.
        assert with_length or sent.taken == len(file_head()) + MIB + 1


async def test_a_body_that_says_that_it_is_too_large_is_not_read(make_app: AppFactory, world: World) -> None:
    app = await make_app(max_file_size=1000, max_files_per_request=2)
    sent = Sent([file_head()])
    async with client_of(app) as client:
        answer = await upload(client, world.editor, sent, **{"Content-Length": str(3 * 1024 * 1024)})
    assert (code_of(answer), sent.taken) == ("PAYLOAD_TOO_LARGE", 0)


async def test_if_one_of_several_is_refused_none_is_kept(make_app: AppFactory, world: World) -> None:
    app = await make_app(max_file_size=1000)
    async with client_of(app) as client:
        body = file_part(b"a") + file_part(b"b") + file_part(b"c" * 1001) + END
        await expect_refusal(app, client, world, body, "PAYLOAD_TOO_LARGE")


async def test_the_quota_is_judged_while_the_file_comes(make_app: AppFactory, world: World) -> None:
    app = await make_app(workspace_quota=100_000)
    async with client_of(app) as client:
        assert (await upload(client, world.editor, file_part(b"a" * 50_000) + END)).status_code == 201
        sent = Sent([file_head(), *[b"b" * 10_000] * 100, b"\r\n", END])
        answer = await expect_refusal(app, client, world, sent, "PAYLOAD_TOO_LARGE")
        assert answer.json()["error"]["details"] == {"limit": "workspace_quota", "maximum": 100_000, "used": 50_000}
        assert sent.taken == len(file_head()) + 60_000
        # The files of one upload count together.
        body = file_part(b"c" * 30_000) + file_part(b"d" * 30_000) + END
        await expect_refusal(app, client, world, body, "PAYLOAD_TOO_LARGE")
        assert (await upload(client, world.editor, file_part(b"e" * 50_000) + END)).status_code == 201


async def test_ten_thousand_parts_are_too_many(app: FastAPI, client: httpx.AsyncClient, world: World) -> None:
    await expect_refusal(app, client, world, file_part(b"x") * 10_000 + END, "PAYLOAD_TOO_LARGE")
    await expect_refusal(app, client, world, field("sha256", "0" * 64) * 10_000 + END, "PAYLOAD_TOO_LARGE")
    assert (await upload(client, world.editor, file_part(b"x") * 20 + END)).status_code == 201


PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + b"\x00" * 16
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


async def test_the_type_is_found_by_the_bytes_and_only_allowed_ones_are_taken(
    make_app: AppFactory, world: World
) -> None:
    app = await make_app(file_types=["image/*", "application/pdf"])
    async with client_of(app) as client:
        body = file_part(PNG, "a.html", media_type="text/html; charset=utf-8") + END
        [file] = (await upload(client, world.editor, body)).json()["data"]
        assert (file["media_type"], file["declared_media_type"], file["name"]) == ("image/png", "text/html", "a.html")
        for lie in (b"<script>alert(1)</script>", b"MZ\x90\x00", b"plain", b"", b"GIF89a<html><script>"[6:]):
            body = file_part(lie, "a.png", media_type="image/png") + END
            await expect_refusal(app, client, world, body, "UNSUPPORTED_MEDIA_TYPE")


async def test_a_checksum_is_of_the_file_that_follows(app: FastAPI, client: httpx.AsyncClient, world: World) -> None:
    one, two = [hashlib.sha256(content).hexdigest() for content in (b"one", b"two")]
    body = field("sha256", one) + file_part(b"one") + field("sha256", two.upper()) + file_part(b"two") + END
    files = (await upload(client, world.editor, body)).json()["data"]
    assert [file["sha256"] for file in files] == [one, two]
    for wrong in (two, one[:-1], "x" * 64, ""):
        body = field("sha256", wrong) + file_part(b"one") + END
        answer = await expect_refusal(app, client, world, body, "VALIDATION_ERROR")
        assert [problem["path"] for problem in answer.json()["error"]["details"]["fields"]] == ["sha256"]


async def test_forms_that_say_something_else_are_refused(app: FastAPI, client: httpx.AsyncClient, world: World) -> None:
    place = field("workspace_id", str(world.workspace))
    for body, path in (
        (file_part(b"x") + place + END, "workspace_id"),
        (place + place + file_part(b"x") + END, "workspace_id"),
        (field("name", "x") + file_part(b"x") + END, "name"),
        (field("files", "x") + END, "files"),
        (file_part(b"x", name="file") + END, "file"),
        (place + END, "files"),
        (END, "files"),
        (field("item_id", "") + file_part(b"x") + END, "item_id"),
    ):
        answer = await expect_refusal(app, client, world, body, "VALIDATION_ERROR")
        assert [problem["path"] for problem in answer.json()["error"]["details"]["fields"]] == [path]


async def test_forms_that_are_none_are_refused(app: FastAPI, client: httpx.AsyncClient, world: World) -> None:
    nameless = file_part(b"x").replace(b' name="files";', b"")
    for body, code in (
        (file_part(b"x"), "BAD_REQUEST"),
        (file_head() + b"x", "BAD_REQUEST"),
        (b"", "BAD_REQUEST"),
        (b"{}", "BAD_REQUEST"),
        (nameless + END, "BAD_REQUEST"),
        (file_head(media_type="a" * 20_000) + b"x\r\n" + END, "BAD_REQUEST"),
        (field("workspace_id", "x" * 2000) + ONE, "PAYLOAD_TOO_LARGE"),
    ):
        await expect_refusal(app, client, world, body, code)
    for kind in ("application/json", "multipart/form-data", "text/plain; boundary=b0undary", ""):
        answer = await upload(client, world.editor, ONE, **{"Content-Type": kind})
        assert code_of(answer) == "UNSUPPORTED_MEDIA_TYPE", kind
    assert kept(app) == []


HOSTILE = {
    "../../etc/passwd": "passwd",
    "C:\\Windows\\win.ini": "win.ini",
    "..": "file",
    "/": "file",
    "": "file",
    "a\u202efdp.exe": "afdp.exe",
    "a\tb": "ab",
    " a ": "a",
    "é" * 2048 + ".pdf": "é" * 125 + ".pdf",
    "x" * 4096: "x" * 255,
    "con": "con",
    "%2e%2e%2fa": "%2e%2e%2fa",
}


async def test_names_are_kept_without_what_could_harm(app: FastAPI, client: httpx.AsyncClient, world: World) -> None:
    for given, expected in HOSTILE.items():
        answer = await upload(client, world.editor, file_part(b"x", given) + END)
        assert answer.status_code == 201, (given, answer.text)
        assert answer.json()["data"][0]["name"] == expected, given
    # Bytes that are no text, and what ends a string elsewhere.
    raw = file_part(b"x", "NAME").replace(b"NAME", b"a\x00\xff.txt") + END
    answer = await upload(client, world.editor, raw)
    assert answer.json()["data"][0]["name"] == "a\ufffd.txt"
    [only] = kept(app)
    assert only.parent.parent == app.state.file_rules.store.folder
    # The folder is for the server alone.
    assert only.parent.parent.stat().st_mode & 0o777 == 0o700


async def test_who_may_not_upload_is_refused_before_any_byte_of_a_file_is_read(
    app: FastAPI, client: httpx.AsyncClient, world: World
) -> None:
    place = field("workspace_id", str(world.workspace))
    for person, code in ((world.viewer, "FORBIDDEN"), (world.stranger, "NOT_FOUND")):
        sent = Sent([place, file_head(), *[b"x" * 65536] * 10, b"\r\n", END])
        before = await all_rows(app)
        assert code_of(await upload(client, person, sent)) == code
        assert sent.taken <= len(place) + len(file_head())
        assert await all_rows(app) == before
    sent = Sent([b"x"])
    nobody = await client.post("/api/files", content=aiter(sent), headers=HEAD)
    assert (code_of(nobody), sent.taken) == ("UNAUTHENTICATED", 0)
    assert kept(app) == []


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let no file of this process grow further: what a full disk is, for a test that does not own a disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


async def test_a_full_disk_is_told_and_nothing_is_left(app: FastAPI, client: httpx.AsyncClient, world: World) -> None:
    with room_for(3 * MIB):
        answer = await expect_refusal(
            app, client, world, file_part(b"a") + file_part(b"x" * 8 * MIB) + END, "UNAVAILABLE"
        )
    assert answer.json()["detail"] == "The disk of the store of files is full. Nothing was kept."
    assert (await upload(client, world.editor, ONE)).status_code == 201


async def test_a_database_that_goes_away_in_the_end_leaves_bytes_to_the_sweep_alone(
    app: FastAPI, client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(*_args: object) -> None:
        raise DatabaseUnavailableError("the connection was lost")

    monkeypatch.setattr("api.services.log.record", gone)
    before = await all_rows(app)
    assert code_of(await upload(client, world.editor, ONE)) == "UNAVAILABLE"
    assert await all_rows(app) == before
    assert len(kept(app)) == 1


async def test_bytes_are_paid_for_with_the_next_request(make_app: AppFactory, world: World) -> None:
    app = await make_app(rate_limits=True, budget="3000/minute")
    async with client_of(app) as client:
        answer = await upload(client, world.editor, file_part(b"x" * MIB) + END)
        head = {"Authorization": f"Bearer {world.editor.token}"}
        after = await client.get(answer.headers.get("location", "/api/users/me"), headers=head)
        remaining = [int(part.headers["ratelimit"].partition("r=")[2].partition(";")[0]) for part in (answer, after)]
        assert remaining[0] - remaining[1] >= 1024
        for _ in range(2):
            [file] = answer.json()["data"]
            await client.get(f"/api/files/{file['id']}/content", headers=head)
        assert code_of(await client.get("/api/users/me", headers=head)) == "RATE_LIMITED"


async def test_one_user_has_so_many_uploads_at_once_and_others_go_on(
    app: FastAPI, client: httpx.AsyncClient, world: World
) -> None:
    go, full = asyncio.Event(), asyncio.Event()
    begun = 0

    async def slow() -> Any:
        nonlocal begun
        begun += 1
        if begun == UPLOADS_OF_USER:
            full.set()
        yield file_head() + b"x"
        await go.wait()
        yield b"\r\n" + END

    tasks = [asyncio.create_task(upload(client, world.editor, slow())) for _ in range(UPLOADS_OF_USER + 2)]
    async with asyncio.timeout(20):
        await full.wait()
        assert (await upload(client, world.admin, ONE)).status_code == 201
        assert begun == UPLOADS_OF_USER
        go.set()
        answers = await asyncio.gather(*tasks)
    assert {answer.status_code for answer in answers} == {201}
    assert begun == UPLOADS_OF_USER + 2
