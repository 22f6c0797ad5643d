"""`If-Match` and `ETag`: how REST spells expected versions."""

import httpx

from tests.doors.door import Door
from tests.doors.people import World
from tests.doors.things import make_item


async def test_the_etag_is_the_version_and_fits_the_next_edit(
    rest: Door, client: httpx.AsyncClient, world: World
) -> None:
    item = await make_item(rest, world)
    path, token = f"/api/items/{item['id']}", {"Authorization": f"Bearer {world.editor.token}"}
    read = await client.get(path, headers=token)
    assert read.headers["etag"] == '"1"'
    for if_match, version in ((read.headers["etag"], 2), ("*", 3), (' "3" ', 4)):
        edited = await client.patch(path, json={"title": f"{version}"}, headers={**token, "If-Match": if_match})
        assert (edited.status_code, edited.headers["etag"]) == (200, f'"{version}"')


async def test_a_malformed_if_match_is_a_bad_request(rest: Door, world: World) -> None:
    item = await make_item(rest, world)
    for if_match in ("1", "", '"one"', 'W/"1"', '"1", "2"', '"-1"', f'"{"9" * 19}"', '"1'):
        answer = await rest.client.patch(
            f"/api/items/{item['id']}",
            json={"title": "No"},
            headers={"Authorization": f"Bearer {world.editor.token}", "If-Match": if_match},
        )
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BAD_REQUEST")
    assert await rest.call("get_item", token=world.viewer.token, id=item["id"]) == item
