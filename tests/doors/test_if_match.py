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
    for version, if_match in enumerate(
        (
            read.headers["etag"],
            "*",
            ' "3" ',
            # What proxies make of a tag on its way there: nginx, Apache, Jetty.
            'W/"4"',
            '"5-gzip"',
            'W/"6--gzip"',
            '"7-br"',
            '"1", "8"',
            'W/"9-gzip","2"',
        ),
        start=2,
    ):
        edited = await client.patch(path, json={"title": f"{version}"}, headers={**token, "If-Match": if_match})
        assert (edited.status_code, edited.headers["etag"]) == (200, f'"{version}"')


async def test_a_malformed_if_match_is_a_bad_request(rest: Door, world: World) -> None:
    item = await make_item(rest, world)
    for if_match in (
        "1",
        "",
        '"one"',
        'w/"1"',
        '"1", 2',
        '"1",',
        '"-1"',
        '"1-"',
        '"1-x"',
        '"1"-gzip',
        f'"{"9" * 19}"',
        '"1',
    ):
        answer = await rest.client.patch(
            f"/api/items/{item['id']}",
            json={"title": "No"},
            headers={"Authorization": f"Bearer {world.editor.token}", "If-Match": if_match},
        )
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BAD_REQUEST")
    assert await rest.call("get_item", token=world.viewer.token, id=item["id"]) == item


async def test_one_of_several_versions_must_be_the_current_one(rest: Door, world: World) -> None:
    item = await make_item(rest, world)
    path, token = f"/api/items/{item['id']}", ("Authorization", f"Bearer {world.editor.token}")
    for lines, expected in (
        ([("If-Match", '"2", W/"3"')], [2, 3]),
        ([("If-Match", '"2"'), ("If-Match", '"3"')], [2, 3]),
        ([("If-Match", 'W/"2"')], 2),
    ):
        refused = await rest.client.patch(path, json={"title": "No"}, headers=[token, *lines])
        error = refused.json()["error"]
        assert (refused.status_code, error["code"]) == (412, "PRECONDITION_FAILED")
        assert error["details"] == {"expected_version": expected, "current_version": 1}
    assert await rest.call("get_item", token=world.viewer.token, id=item["id"]) == item
    two_lines = [token, ("If-Match", '"7"'), ("If-Match", '"1"')]
    assert (await rest.client.patch(path, json={"title": "Yes"}, headers=two_lines)).status_code == 200


async def test_what_can_be_given_once_is_refused_twice(rest: Door, world: World) -> None:
    token = ("Authorization", f"Bearer {world.editor.token}")
    item = await make_item(rest, world)
    stream = f"/api/workspaces/{world.workspace}/changes/stream"
    for method, address, headers, paths in (
        ("GET", "/api/items?limit=1&limit=2", [], ["limit"]),
        ("GET", "/api/items?limit=1&limit=1&text=a&text=b&status=open&status=done", [], ["limit", "text"]),
        ("GET", "/api/items?assignee_id=none&assignee_id=none", [], ["assignee_id"]),
        ("GET", f"/api/workspaces/{world.workspace}/changes?after=1&after=2", [], ["after"]),
        ("DELETE", f"/api/items/{item['id']}?permanent=false&permanent=true", [], ["permanent"]),
        ("GET", stream, [("Last-Event-ID", "1"), ("Last-Event-ID", "2")], ["last-event-id"]),
    ):
        refused = await rest.client.request(method, address, headers=[token, *headers])
        error = refused.json()["error"]
        assert (refused.status_code, error["code"]) == (422, "VALIDATION_ERROR"), address
        assert [field["path"] for field in error["details"]["fields"]] == paths
    several = await rest.client.get("/api/items?status=open&status=done", headers=[token])
    assert several.status_code == 200
    assert await rest.call("get_item", token=world.viewer.token, id=item["id"]) == item


async def test_two_tokens_are_none(rest: Door, world: World) -> None:
    tokens = [("Authorization", f"Bearer {person.token}") for person in (world.editor, world.admin)]
    answer = await rest.client.get("/api/users/me", headers=tokens)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "UNAUTHENTICATED")
    graphql = await rest.client.post("/graphql", json={"query": "{ me { id } }"}, headers=tokens)
    assert graphql.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
