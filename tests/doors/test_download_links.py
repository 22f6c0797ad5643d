"""Links to files: for one file, for a while, and only while who made them may read it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest_asyncio

from api.core.actor import SYSTEM
from api.core.files.links import LINK_LENGTH, Link, Links
from api.services.users import delete_user
from db.clock import utc_now
from db.models import KeyAccess
from tests.conftest import AppFactory, client_of
from tests.doors.door import Door, RestDoor
from tests.doors.keys import make_key, set_times
from tests.doors.people import Person, World, make_world
from tests.doors.refusals import refused
from tests.doors.uploading import CONTENT, make_file

MAKER = "Who made the link may not read the file any more."


@pytest_asyncio.fixture
async def anyone(door: Door) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a token."""
    async with client_of(door.app) as client:
        yield client


async def make_link(door: Door, file: dict[str, Any], token: str, **data: Any) -> str:
    """Make a link to a file and return its address."""
    url: str = (await door.call("create_download_link", token=token, id=file["id"], data=data))["url"]
    return url


async def told(client: httpx.AsyncClient, url: str) -> tuple[int, str]:
    """Return the status of an answer, and its body or the message of its error."""
    answer = await client.get(url)
    return answer.status_code, answer.json()["error"]["message"] if answer.is_error else answer.text


async def test_anybody_reads_the_file_that_it_is_for(
    door: Door, rest: RestDoor, world: World, anyone: httpx.AsyncClient
) -> None:
    file = await make_file(rest, world)
    before = utc_now().replace(microsecond=0)
    link = await door.call("create_download_link", token=world.viewer.token, id=file["id"], data={})
    after = utc_now()
    assert before <= datetime.fromisoformat(link["expires_at"]) - timedelta(hours=1) <= after
    head, _, text = link["url"].partition("?link=tfl_")
    assert head == f"/api/files/{file['id']}/content"
    assert len(text) + 4 == LINK_LENGTH
    answer = await anyone.get(link["url"])
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["etag"] == f'"{file["sha256"]}"'
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["access-control-allow-origin"] == "*"
    part = await anyone.get(link["url"], headers={"Range": "bytes=4-5"})
    assert (part.status_code, part.content) == (206, CONTENT[4:6])
    assert (await anyone.head(link["url"])).headers["content-length"] == str(len(CONTENT))
    # It is the link that lets in, also whom nothing else would.
    as_stranger = {"Authorization": f"Bearer {world.stranger.token}"}
    assert (await anyone.get(link["url"], headers=as_stranger)).content == CONTENT
    plain = await anyone.get(head, headers={"Authorization": f"Bearer {world.viewer.token}"})
    assert "access-control-allow-origin" not in plain.headers
    assert (await anyone.get(head)).status_code == 401
    assert (await anyone.get(head, headers=as_stranger)).status_code == 404


async def test_it_counts_for_as_long_as_is_asked_and_at_most_a_week(
    door: Door, rest: RestDoor, world: World, anyone: httpx.AsyncClient
) -> None:
    file = await make_file(rest, world)
    data: dict[str, Any]
    for seconds in (1, 604800):
        data = {"expires_in": seconds}
        link = await door.call("create_download_link", token=world.viewer.token, id=file["id"], data=data)
        left = datetime.fromisoformat(link["expires_at"]) - utc_now()
        assert timedelta(seconds=seconds - 30) <= left <= timedelta(seconds=seconds)
    for wrong in (0, -1, 604801, True, "60", 1.5):
        async with refused(door, "VALIDATION_ERROR"):
            data = {"expires_in": wrong}
            await door.call("create_download_link", token=world.viewer.token, id=file["id"], data=data)
    now = datetime.now(UTC).replace(microsecond=0)
    links: Links = door.app.state.file_rules.links
    ended = Link(UUID(file["id"]), world.viewer.id, None, now)
    assert await told(anyone, links.address(ended)) == (401, "The link has expired.")
    assert links.read(links.text(ended)) == ended


async def test_no_other_text_is_a_link(door: Door, rest: RestDoor, world: World, anyone: httpx.AsyncClient) -> None:
    file, other = await make_file(rest, world), await make_file(rest, world, b"Another")
    url = await make_link(door, file, world.viewer.token)
    place, _, text = url.partition("?link=")
    assert await told(anyone, url.replace(file["id"], other["id"])) == (401, "The link is for another file.")
    foreign = Links("another secret").text(door.app.state.file_rules.links.read(text))
    turned = ["A" if letter != "A" else "B" for letter in text]
    broken = [text[:at] + turned[at] + text[at + 1 :] for at in range(4, len(text), 9)]
    for wrong in (foreign, *broken, "", "tfl_", text[4:], text[:-1], text[:-4], text + "A", text + "%0A", "%00", "ä"):
        assert await told(anyone, f"{place}?link={wrong}") == (401, "The link is not valid."), wrong
    assert (await anyone.get(place, params={"link": "x" * 3000})).status_code == 422
    assert (await anyone.get(f"{url}&link={text}")).status_code == 422
    assert (await anyone.get(f"{place}?link=%FF")).status_code == 400


async def test_it_counts_while_who_made_it_may_read_the_file(
    door: Door, rest: RestDoor, world: World, anyone: httpx.AsyncClient
) -> None:
    file = await make_file(rest, world)
    viewer, place = world.viewer, {"id": str(world.workspace), "user_id": str(world.viewer.id)}
    url, lost = await make_link(door, file, viewer.token), (404, "There is no such file.")
    # Whoever signs out leaves the links that were handed out.
    await door.call("logout", token=viewer.token)
    assert await told(anyone, url) == (200, CONTENT.decode())
    await door.call("remove_member", token=world.admin.token, **place)
    assert await told(anyone, url) == lost
    back = {"user_id": place["user_id"], "role": "viewer"}
    await door.call("add_member", token=world.admin.token, id=place["id"], data=back)
    assert await told(anyone, url) == (200, CONTENT.decode())
    await door.call("delete_file", token=world.editor.token, id=file["id"])
    assert await told(anyone, url) == lost
    async with refused(door, "CONFLICT"):
        await make_link(door, file, world.editor.token)
    await door.call("restore_file", token=world.editor.token, id=file["id"])
    for is_disabled, expected in ((True, (401, MAKER)), (False, (200, CONTENT.decode()))):
        data = {"disabled": is_disabled}
        await door.call("update_user", token=world.administrator.token, id=str(viewer.id), data=data)
        assert await told(anyone, url) == expected
    async with door.app.state.database.write() as uow:
        await delete_user(uow, SYSTEM, viewer.id)
    assert await told(anyone, url) == (401, MAKER)


async def test_made_with_a_key_it_ends_with_the_key(
    door: Door, rest: RestDoor, world: World, anyone: httpx.AsyncClient
) -> None:
    file = await make_file(rest, world)
    key = await make_key(door.app, world.editor, KeyAccess.READ, world.workspace)
    url = await make_link(door, file, key.key)
    assert await told(anyone, url) == (200, CONTENT.decode())
    await set_times(door.app, key.id, expires_at=timedelta(minutes=-5))
    soon = await door.call("create_download_link", token=key.key, id=file["id"], data={})
    assert datetime.fromisoformat(soon["expires_at"]) < utc_now() + timedelta(minutes=5)
    await door.call("revoke_api_key", token=world.editor.token, id=str(key.id))
    for ended in (url, soon["url"]):
        assert await told(anyone, ended) == (401, MAKER)


async def test_a_key_for_one_workspace_makes_none_for_another(door: Door, rest: RestDoor, world: World) -> None:
    at_home = await make_file(rest, world, workspace_id=world.editor.home)
    key = await make_key(door.app, world.editor, KeyAccess.WRITE, world.workspace)
    async with refused(door, "NOT_FOUND"):
        await make_link(door, at_home, key.key)


async def test_who_follows_it_pays_for_the_bytes(make_app: AppFactory) -> None:
    app = await make_app(rate_limits=True, budget="3000/minute")
    world = await make_world(app)
    async with client_of(app) as client:
        rest = RestDoor(app, client)
        file = await make_file(rest, world, bytes(2000 * 1024), token=world.editor.token)
        url = await make_link(rest, file, world.viewer.token)
        assert [(await client.get(url)).status_code for _ in range(3)] == [200, 200, 429]
        assert await _left(client, world.viewer) > 2000


async def _left(client: httpx.AsyncClient, person: Person) -> int:
    answer = await client.get("/api/users/me", headers={"Authorization": f"Bearer {person.token}"})
    return int(answer.headers["ratelimit"].partition("r=")[2].partition(";")[0])
