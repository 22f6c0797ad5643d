"""What a browser makes of files that it gets by a link."""

import io
import json
import re
import struct
import wave
import zlib
from pathlib import Path

from playwright.async_api import Page

from tests.browser.visit import Visit, open_app
from tests.chaos.waiting import until
from tests.clients.caller import Caller, calling
from tests.live import LiveServer

README = Path(__file__).parents[2] / "README.md"
APP = "http://localhost:3000"
"""Another origin, of an app that needs no server here."""

SHOW = """(address) => new Promise((resolve) => {
  const image = new Image();
  image.onload = () => resolve([image.naturalWidth, image.naturalHeight]);
  image.onerror = () => resolve("blocked");
  image.src = address;
})"""


def picture() -> bytes:
    """Return a PNG of 3 × 2 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 3, 2, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(8))) + chunk(b"IEND", b"")


def sound() -> bytes:
    """Return a second of silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(8000)
        writer.writeframes(bytes(16000))
    return file.getvalue()


async def link_to(caller: Caller, server: LiveServer, name: str, content: bytes) -> str:
    """Upload a file and return where a browser finds it."""
    file = await caller.upload(name, content)
    url: str = (await caller.post(f"/api/files/{file['id']}/download-link"))["url"]
    return server.url + url


async def test_an_app_elsewhere_shows_pictures_by_their_links(page: Page, live_server: LiveServer) -> None:
    async with calling(live_server) as caller:
        link = await link_to(caller, live_server, "a.png", picture())
    await page.context.grant_permissions(["local-network-access"])
    await open_app(page, APP)
    assert await page.evaluate(SHOW, link) == [3, 2]
    assert await page.evaluate(SHOW, link[:-1]) == "blocked"


async def test_pictures_and_sounds_are_shown_alone_and_have_no_part_in_our_origin(
    page: Page, live_server: LiveServer
) -> None:
    async with calling(live_server) as caller:
        seen, heard = [await link_to(caller, live_server, *file) for file in (("a.png", picture()), ("a.wav", sound()))]
    await page.goto(seen)
    assert await page.evaluate("document.images[0].naturalWidth") == 3
    assert await page.evaluate("self.origin") == "null"
    await page.goto(heard)

    async def is_loaded() -> bool:
        # Scripts of the page's own would not run in it, those that wait for a condition included.
        return bool(await page.evaluate("document.querySelector('video, audio').readyState >= 1"))

    await until(is_loaded)
    assert await page.evaluate("document.querySelector('video, audio').duration") == 1


async def test_a_page_with_a_script_is_saved_and_not_opened(page: Page, live_server: LiveServer) -> None:
    content = b"<!doctype html><script>document.title = 'ran'</script>"
    async with calling(live_server) as caller:
        links = [await link_to(caller, live_server, name, content) for name in ("a.html", "a.png", "a.svg")]
    for link in links:
        await open_app(page, APP)
        async with page.expect_download() as saved:
            await page.evaluate("(address) => { location.href = address; }", link)
        assert (await (await saved.value).path()).read_bytes() == content
        assert page.url.startswith(APP)


async def test_what_the_readme_asks_of_files_works_in_graphiql(visit: Visit) -> None:
    await visit.open()
    await visit.sign_in_as_admin()
    async with calling(visit.server) as caller:
        file = await caller.upload("a.png", picture())
    chapter = README.read_text().partition("\n## Files\n")[2].partition("\n## ")[0]
    documents = [text.replace('\\"', '"') for text in re.findall(r'"query": "(.+)"}\'', chapter)]
    assert len(documents) == 4
    for text in documents:
        document = text.replace("'$FILE'", file["id"])
        await visit.page.evaluate(
            "(text) => document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror.setValue(text)", document
        )
        async with visit.page.expect_response(lambda answer: answer.url.endswith("/graphql")) as answered:
            await visit.page.get_by_role("button", name="Execute query").click()
        answer = await (await answered.value).json()
        assert "errors" not in answer, document
        for url in re.findall(r'"(/api/files/[^"]+)"', json.dumps(answer)):
            found = await visit.page.request.get(visit.server.url + url)
            # The thumbnail is made by a worker, and here is none.
            assert found.status == (404 if "/thumbnail?" in url else 200)
    assert visit.problems == []
