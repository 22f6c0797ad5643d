"""The bytes of a file as they are sent: which of them, under what conditions, and what a browser is told of them."""

import os
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.conftest import AppFactory, client_of
from tests.doors.people import World
from tests.errors.captured_log import captured_log
from tests.files.nginx import serving
from tests.files.uploads import END, file_part, kept, upload

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

CONTENT = bytes(range(32, 127)) * 3
SIZE = len(CONTENT)


class Downloads:
    """A file on the server, and requests for it."""

    def __init__(self, client: httpx.AsyncClient, world: World, file: Mapping[str, Any]) -> None:
        self.client = client
        self.head = {"Authorization": f"Bearer {world.editor.token}"}
        self.file = file
        self.path = f"/api/files/{file['id']}/content"
        self.uploaded = datetime.fromisoformat(file["created_at"]).replace(microsecond=0)

    async def get(self, method: str = "GET", **headers: str) -> httpx.Response:
        """Ask for the bytes."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.request(method, self.path, headers={**self.head, **named})


async def uploaded(client: httpx.AsyncClient, world: World, content: bytes = CONTENT, name: str = "a.txt") -> Downloads:
    """Upload a file into the editor's own workspace."""
    [file] = (await upload(client, world.editor, file_part(content, name) + END)).json()["data"]
    return Downloads(client, world, file)


def parts_of(answer: httpx.Response) -> list[tuple[str, bytes]]:
    """Return range and bytes of each part of an answer with several."""
    boundary = re.fullmatch(r"multipart/byteranges; boundary=(\S+)", answer.headers["content-type"])
    assert boundary is not None
    before, *parts, end = answer.content.split(f"\r\n--{boundary[1]}".encode())
    assert (before, end) == (b"", b"--\r\n")
    found = []
    for part in parts:
        head, _, body = part.partition(b"\r\n\r\n")
        lines = dict(line.split(": ", 1) for line in head.decode().strip().splitlines())
        assert lines["Content-Type"] == "text/plain; charset=utf-8"
        found.append((lines["Content-Range"], body))
    return found


RANGES = [
    "bytes=0-0", "bytes=0-", "bytes=5-9", "bytes=-1", "bytes=-500", "bytes=0-500", "bytes=284-", "bytes=285-",
    "bytes=500-", "bytes=9-5", "bytes=-0", "bytes=", "bytes=-", "bytes=a-b", "bytes=1-2,x", "items=0-1", "0-1",
    "bytes=0-0,-1", "bytes=0-4,5-9", "bytes=5-9,0-4", "bytes=0-9,5-14", "bytes=0-0,500-600", "bytes=500-,600-",
    "bytes=0-,0-", "bytes= 1 - 2 , 4 - 5", "BYTES=1-2", "bytes=1-2,", "bytes=0-0,0-0,0-0", "bytes=0-284",
    "bytes=1-99999999999999999999", "bytes 1-2", "bytes=-1,-2,-3",
]  # fmt: skip


def conditions(tag: str, moment: datetime) -> list[dict[str, str]]:
    """Return what a client may make a request depend on, given the state that it knows."""
    now, earlier, later = [format_datetime(moment + timedelta(days=days), usegmt=True) for days in (0, -1, 1)]
    piece = {"Range": "bytes=1-2"}
    return [
        {"If-None-Match": tag}, {"If-None-Match": f"W/{tag}"}, {"If-None-Match": '"x"'}, {"If-None-Match": "*"},
        {"If-None-Match": f'"x", {tag}'}, {"If-Match": tag}, {"If-Match": '"x"'}, {"If-Match": "*"},
        {"If-Match": f'"x", {tag}'}, {"If-Modified-Since": now}, {"If-Modified-Since": earlier},
        {"If-Unmodified-Since": now}, {"If-Unmodified-Since": earlier}, {"If-Unmodified-Since": later},
        {"If-Modified-Since": "yesterday"}, {"If-None-Match": '"x"', "If-Modified-Since": now},
        {"If-Range": tag, **piece}, {"If-Range": '"x"', **piece}, {"If-Range": now, **piece},
        {"If-Range": earlier, **piece}, {"If-Range": f"W/{tag}", **piece}, {"If-None-Match": tag, **piece},
        {"If-Match": '"x"', **piece}, {"If-Range": tag},
    ]  # fmt: skip


async def test_ranges_and_conditions_are_answered_as_nginx_answers_them(
    app: FastAPI, client: httpx.AsyncClient, world: World, tmp_path: Path
) -> None:
    ours = await uploaded(client, world)
    (root := tmp_path / "root").mkdir()
    (root / "a.txt").write_bytes(CONTENT)
    os.utime(root / "a.txt", (ours.uploaded.timestamp(),) * 2)
    async with serving(root, tmp_path) as address, httpx.AsyncClient() as other:
        theirs = await other.get(f"{address}/a.txt")
        own = await ours.get()
        assert own.headers["last-modified"] == theirs.headers["last-modified"]
        pairs = [({"Range": text}, {"Range": text}) for text in RANGES]
        pairs += zip(
            conditions(own.headers["etag"], ours.uploaded),
            conditions(theirs.headers["etag"], ours.uploaded),
            strict=True,
        )
        for mine, yours in pairs:
            for method in ("GET", "HEAD"):
                answer = await ours.get(method, **mine)
                expected = await other.request(method, f"{address}/a.txt", headers=yours)
                assert _told(answer) == _told(expected), (method, mine)


def _told(answer: httpx.Response) -> Any:
    """Return what both servers must say alike: not how they word an error."""
    is_error = answer.is_error
    names = ("content-range", *(() if is_error else ("last-modified", "content-length")))
    several = answer.headers.get("content-type", "").startswith("multipart/byteranges")
    if several:
        # Each has its own boundary.
        names = tuple(name for name in names if name != "content-length")
    heads = {name: answer.headers.get(name) for name in names}
    body: Any = b"" if is_error else answer.content
    if several and answer.request.method == "GET":
        body = parts_of(answer)
    return answer.status_code, heads, body


async def test_the_head_is_that_of_the_answer_with_a_body(client: httpx.AsyncClient, world: World) -> None:
    ours = await uploaded(client, world)
    for headers in ({}, {"Range": "bytes=1-2"}):
        answer, head = [await ours.get(method, **headers) for method in ("GET", "HEAD")]
        for name in ("x-request-id", "ratelimit", "date"):
            answer.headers.pop(name, None)
            head.headers.pop(name, None)
        assert (head.status_code, head.headers, head.content) == (answer.status_code, answer.headers, b"")
        assert int(answer.headers["content-length"]) == len(answer.content)


async def test_several_ranges_are_as_long_as_they_say(client: httpx.AsyncClient, world: World) -> None:
    ours = await uploaded(client, world)
    answer = await ours.get(Range="bytes=0-4,-5")
    assert parts_of(answer) == [("bytes 0-4/285", CONTENT[:5]), ("bytes 280-284/285", CONTENT[-5:])]
    assert int(answer.headers["content-length"]) == len(answer.content)
    # A hundred are answered; whoever wants more, or more than there is, gets the whole.
    many = ",".join(f"{at}-{at}" for at in range(100))
    assert len(parts_of(await ours.get(Range=f"bytes={many}"))) == 100
    for greedy in (f"{many},100-100", "0-,0-"):
        whole = await ours.get(Range=f"bytes={greedy}")
        assert (whole.status_code, whole.content) == (200, CONTENT)


async def test_a_large_file_comes_as_it_went(app: FastAPI, client: httpx.AsyncClient, world: World) -> None:
    content = os.urandom(3 * 1024 * 1024 + 7)
    ours = await uploaded(client, world, content, "a.bin")
    assert (await ours.get()).content == content
    assert (await ours.get(Range="bytes=262143-1048577")).content == content[262143:1048578]
    assert kept(app)[0].read_bytes() == content


async def test_an_empty_file_is_sent_and_has_no_ranges(client: httpx.AsyncClient, world: World) -> None:
    ours = await uploaded(client, world, b"")
    answer = await ours.get()
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "0")
    assert ours.file["media_type"] == "application/octet-stream"
    assert (await ours.get(Range="bytes=0-0")).status_code == 200
    assert (await ours.get(Range="bytes=1-")).headers["content-range"] == "bytes */0"


PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + b"\x00" * 16
POLYGLOT = b"GIF89a/*" + b"\x00" * 20 + b"*/=1;<html><script>alert(1)</script>"

KINDS = (
    (b"plain", "a.html", "text/plain", True),
    (PNG, "a.svg", "image/png", True),
    (POLYGLOT, "a.html", "image/gif", True),
    (b"<!doctype html><script>alert(1)</script>", "a.png", "text/html", False),
    (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "a.png", "image/svg+xml", False),
    (b"%PDF-1.7\n1 0 obj", "a.txt", "application/pdf", False),
    (b"PK\x03\x04" + b"\x00" * 40, "a.png", "application/zip", False),
    (b"\x7fELF\x02\x01\x01", "a.txt", None, False),
)


async def test_a_browser_shows_what_is_safe_and_saves_the_rest(client: httpx.AsyncClient, world: World) -> None:
    for content, name, kind, is_shown in KINDS:
        ours = await uploaded(client, world, content, name)
        answer = await ours.get()
        how = "inline" if is_shown else "attachment"
        assert answer.headers["content-disposition"] == f'{how}; filename="{name}"', kind
        told = answer.headers["content-type"].partition(";")[0]
        assert told == ours.file["media_type"]
        assert kind is None or told == kind
        assert answer.headers["x-content-type-options"] == "nosniff"
        policy = answer.headers["content-security-policy"]
        assert (
            policy == "default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"
        )
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        assert answer.headers["cache-control"] == "private, no-cache"


NAMES = {
    "plain.txt": 'attachment; filename="plain.txt"',
    "ä €.pdf": "attachment; filename=\"_ _.pdf\"; filename*=UTF-8''%C3%A4%20%E2%82%AC.pdf",
    '"; filename="x.exe': "attachment; filename=\"_; filename=_x.exe\"; filename*=UTF-8''%22%3B%20filename%3D%22x.exe",
    "100%.pdf": "attachment; filename=\"100_.pdf\"; filename*=UTF-8''100%25.pdf",
    "a'b;c.pdf": 'attachment; filename="a\'b;c.pdf"',
}


async def test_any_name_is_told_so_that_no_client_takes_it_for_another(client: httpx.AsyncClient, world: World) -> None:
    ours = await uploaded(client, world, b"%PDF-1.7\n")
    for name, expected in NAMES.items():
        renamed = await client.patch(f"/api/files/{ours.file['id']}", json={"name": name}, headers=ours.head)
        assert renamed.status_code == 200
        assert (await ours.get()).headers["content-disposition"] == expected


async def test_a_renamed_file_is_still_the_one_that_is_known(client: httpx.AsyncClient, world: World) -> None:
    ours = await uploaded(client, world)
    before = await ours.get()
    await client.patch(f"/api/files/{ours.file['id']}", json={"name": "b"}, headers=ours.head)
    again = await ours.get(If_None_Match=before.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    assert before.headers["etag"] == f'"{ours.file["sha256"]}"'


async def test_bytes_that_are_lost_are_told_before_anything_is_sent(
    app: FastAPI, client: httpx.AsyncClient, world: World
) -> None:
    ours = await uploaded(client, world)
    [path] = kept(app)
    for harm in (lambda: path.write_bytes(CONTENT[:-1]), path.unlink):
        harm()
        with captured_log() as log:
            answer = await ours.get()
        assert answer.json()["error"]["code"] == "INTERNAL_ERROR"
        assert answer.json()["detail"] == "The bytes of this file are lost. It has been logged."
        [line] = log.events("the bytes of a file are lost")
        assert line["file"] == ours.file["id"]


async def test_a_page_elsewhere_may_read_the_heads_that_say_what_came(make_app: AppFactory, world: World) -> None:
    app = await make_app(cors_origins=["https://app.example.com"])
    async with client_of(app) as client:
        ours = await uploaded(client, world)
        answer = await ours.get(Origin="https://app.example.com", Range="bytes=1-2")
    exposed = {name.strip() for name in answer.headers["access-control-expose-headers"].split(",")}
    assert exposed >= {"ETag", "Accept-Ranges", "Content-Range", "Content-Disposition"}
