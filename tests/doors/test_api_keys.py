"""API keys: made once, shown once, known by their looks, ended at once; and what a key sees."""

import asyncio
import hashlib
import re
from datetime import date, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from api.core.api_keys import checksum, digest_of, is_genuine
from api.core.api_keys import make_key as make_text
from api.schemas.jobs import Sweep
from api.server.working import tools_of
from api.services import api_keys
from api.services.work.sweep import KEEP_KEYS, sweep
from db.models import ApiKey, KeyAccess
from db.models.base import new_id
from tests.doors.door import Door
from tests.doors.keys import make_key, set_times
from tests.doors.people import PASSWORD, World
from tests.doors.refusals import refused
from tests.doors.rows import all_rows
from tests.doors.things import make_item
from tests.graphql.asking import read, statements

READ, WRITE = KeyAccess.READ, KeyAccess.WRITE
INVALID, UNKNOWN = "The API key is not valid.", "The API key is not valid, or was revoked."
ENDED = "The API key was revoked or has expired."


async def last_used(app: FastAPI, text: str) -> datetime | None:
    """Return when it was noted that the key was used, after all that was begun is written."""
    await app.state.key_uses.finish()
    async with app.state.database.read() as uow:
        key = await uow.session.one(select(ApiKey).where(ApiKey.digest == digest_of(text)))
    noted: datetime | None = key.last_used_at
    return noted


async def reason(door: Door, key: str) -> str:
    """Return why a key is refused."""
    async with refused(door, "UNAUTHENTICATED") as refusal:
        await door.call("list_workspaces", token=key)
    return refusal.message


def test_the_text_of_a_key_has_a_prefix_a_secret_and_a_checksum() -> None:
    texts = {make_text() for _ in range(1000)}
    assert len(texts) == 1000
    assert all(re.fullmatch("twofold_[0-9A-Za-z]{36}", text) and is_genuine(text) for text in texts)
    # As anybody computes it: CRC-32 in base 62, filled up with zeros.
    assert checksum("A" * 30) == "0uCPlr"
    assert checksum("") == "000000"
    good = make_text()
    turned = good[:-1] + ("a" if good[-1] != "a" else "b")
    assert not any(is_genuine(text) for text in (turned, good[:-1], good + "0", good.upper(), f"x{good}", f"{good}\n"))


async def test_a_key_is_shown_once_and_kept_as_a_hash(door: Door, world: World) -> None:
    token, workspace = world.editor.token, str(world.workspace)
    made = await door.call("create_api_key", token=token, data={"name": " Nightly "})
    data = {"name": "Board", "access": "write", "workspace_id": workspace, "expires_in_days": 1}
    other = await door.call("create_api_key", token=token, data=data)

    text = made.pop("key")
    assert is_genuine(text)
    assert {**made, "id": "", "created_at": "", "expires_at": ""} == {
        "id": "",
        "name": "Nightly",
        "access": "read",
        "workspace_id": None,
        "starts_with": text[:12],
        "created_at": "",
        "expires_at": "",
        "last_used_at": None,
    }
    lifetimes = [
        datetime.fromisoformat(one["expires_at"]) - datetime.fromisoformat(one["created_at"]) for one in (made, other)
    ]
    assert lifetimes == [timedelta(days=90), timedelta(days=1)]
    assert (other["access"], other["workspace_id"]) == ("write", workspace)
    listed = await door.call("list_api_keys", token=token, include_total=True)
    secret = other.pop("key")
    assert (listed["data"], listed["total"]) == ([other, made], 2)
    assert (await door.call("list_api_keys", token=world.viewer.token))["data"] == []
    kept = repr(await all_rows(door.app))
    assert not any(part in kept for one in (text, secret) for part in (one, one[8:38], one[12:38]))
    async with door.app.state.database.read() as uow:
        digests = await uow.session.all(select(ApiKey.digest).order_by(ApiKey.created_at))
    assert digests == [hashlib.sha256(one.encode()).digest() for one in (text, secret)]


async def test_what_cannot_be_a_key_is_not_made(door: Door, world: World) -> None:
    token = world.editor.token
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"name": " "}, "name"),
        ({"name": "a" * 101}, "name"),
        ({"name": "a", "expires_in_days": 0}, "expires_in_days"),
        ({"name": "a", "expires_in_days": 366}, "expires_in_days"),
        ({"name": "a", "access": "admin"}, "access"),
        ({"name": "a", "workspace_id": "garden"}, "workspace_id"),
        ({"name": "a", "user_id": str(world.admin.id)}, "user_id"),
    ]
    for data, path in wrong:
        async with refused(door, "VALIDATION_ERROR") as refusal:
            await door.call("create_api_key", token=token, data=data)
        assert refusal.paths == {path}
    async with refused(door, "NOT_FOUND"):
        await door.call("create_api_key", token=token, data={"name": "a", "workspace_id": str(world.admin.home)})


async def test_nobody_has_more_than_a_hundred_keys(door: Door, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys, "MOST", 2)
    made = [(await make_key(door.app, world.editor)).id for _ in range(2)]
    await make_key(door.app, world.viewer)
    async with refused(door, "CONFLICT") as refusal:
        await door.call("create_api_key", token=world.editor.token, data={"name": "Third"})
    assert refusal.message == "You have 2 API keys; revoke one that you no longer need."
    await door.call("revoke_api_key", token=world.editor.token, id=str(made[0]))
    await door.call("create_api_key", token=world.editor.token, data={"name": "Third"})


async def test_a_revoked_or_expired_key_counts_no_more_and_is_told_why(door: Door, world: World) -> None:
    revoked, expired = [await make_key(door.app, world.editor) for _ in range(2)]
    stranger = await make_key(door.app, world.stranger)
    await door.call("list_workspaces", token=revoked.key)
    await door.call("revoke_api_key", token=world.editor.token, id=str(revoked.id))
    assert await reason(door, revoked.key) == UNKNOWN
    await set_times(door.app, expired.id, expires_at=timedelta(seconds=1))
    assert await reason(door, expired.key) == ENDED
    # It is still listed, and can be put away.
    assert [one["id"] for one in (await door.call("list_api_keys", token=world.editor.token))["data"]] == [
        str(expired.id)
    ]
    await door.call("revoke_api_key", token=world.editor.token, id=str(expired.id))
    for key in (expired, stranger):
        async with refused(door, "NOT_FOUND"):
            await door.call("revoke_api_key", token=world.editor.token, id=str(key.id))
    await door.call("list_workspaces", token=stranger.key)


async def test_what_is_no_key_is_refused_without_a_look_into_the_database(door: Door, world: World) -> None:
    key = (await make_key(door.app, world.editor)).key
    for text in ("twofold_", key[:-1], key[:-1] + ("0" if key[-1] != "0" else "1"), f"twofold_{'é' * 36}", f"{key}0"):
        headers = {b"Authorization": f"Bearer {text}".encode("latin-1")}
        with statements(door.app) as seen:
            if door.name == "rest":
                answer = await door.client.get("/api/workspaces", headers=headers)
                error = answer.json()["error"]
            else:
                body = {"query": "{ workspaces { nodes { id } } }"}
                answer = await door.client.post("/graphql", json=body, headers=headers)
                error = answer.json()["errors"][0]
        assert (error["message"], seen) == (INVALID, [])
    assert await reason(door, make_text()) == UNKNOWN
    with statements(door.app) as seen:
        await door.call("get_me", token=key)
    # One finds out who calls, one reads the account.
    assert len(seen) == 2


async def test_a_key_ends_with_its_account_and_outlives_a_password(door: Door, world: World) -> None:
    root = world.administrator.token
    key, other = await make_key(door.app, world.editor), await make_key(door.app, world.viewer)
    again = {"password": "Another horse 2", "password_confirm": "Another horse 2"}
    await door.call("update_me", token=world.editor.token, data={**again, "current_password": PASSWORD})
    assert (await door.call("get_me", token=key.key))["id"] == str(world.editor.id)
    await door.call("update_user", token=root, id=str(world.editor.id), data={"disabled": True})
    assert await reason(door, key.key) == UNKNOWN
    await door.call("update_user", token=root, id=str(world.editor.id), data={"disabled": False})
    assert await reason(door, key.key) == UNKNOWN
    await door.call("delete_user", token=root, id=str(world.viewer.id))
    assert await reason(door, other.key) == UNKNOWN


async def test_the_security_log_tells_who_made_and_ended_keys(door: Door, world: World) -> None:
    editor = str(world.editor.id)
    data = {"name": "Board", "access": "write", "workspace_id": str(world.workspace)}
    made = await door.call("create_api_key", token=world.editor.token, data=data)
    await door.call("revoke_api_key", token=world.editor.token, id=made["id"])
    told = (await door.call("list_security_events", token=world.administrator.token, user_id=editor))["data"]
    assert [(one["kind"], one["actor"], one["details"]) for one in told] == [
        ("api_key_revoked", editor, {"api_key_id": made["id"], "name": "Board"}),
        ("api_key_created", editor, {**data, "api_key_id": made["id"]}),
    ]


async def test_a_use_is_noted_once_a_minute_and_beside_the_request(door: Door, world: World) -> None:
    key = await make_key(door.app, world.editor)
    await set_times(door.app, key.id, last_used_at=timedelta(seconds=59))
    before = await last_used(door.app, key.key)
    with statements(door.app) as seen:
        await door.call("get_me", token=key.key)
        assert await last_used(door.app, key.key) == before
    assert not any(one.startswith("UPDATE") for one in seen)
    await set_times(door.app, key.id, last_used_at=timedelta(seconds=61))
    with statements(door.app) as seen:
        await asyncio.gather(*(door.call("get_me", token=key.key) for _ in range(5)))
        noted = await last_used(door.app, key.key)
    assert noted is not None
    assert before is not None
    assert noted > before
    updates = [one for one in seen if one.startswith("UPDATE")]
    # Of those at once some may have looked before it was written; the row is changed by the first alone.
    assert len(updates) >= 1
    await door.call("get_me", token=key.key)
    assert await last_used(door.app, key.key) == noted


async def test_a_key_of_one_workspace_sees_that_one_alone(door: Door, world: World) -> None:
    editor = world.editor
    item = await make_item(door, world)
    private = await door.call("create_item", token=editor.token, data={"title": "Private seeds"})
    here, home = [(await make_key(door.app, editor, WRITE, place)).key for place in (world.workspace, editor.home)]
    anywhere = (await make_key(door.app, editor, READ)).key

    async def shown(key: str) -> tuple[set[str], set[str]]:
        places = (await door.call("list_workspaces", token=key))["data"]
        items = (await door.call("list_items", token=key, text="seeds"))["data"]
        return {one["id"] for one in places}, {one["id"] for one in items}

    assert await shown(here) == ({str(world.workspace)}, {item["id"]})
    assert await shown(home) == ({str(editor.home)}, {private["id"]})
    assert await shown(anywhere) == ({str(world.workspace), str(editor.home)}, {private["id"]})
    for key, other in ((here, private), (home, item)):
        for operation in ("get_item", "delete_item", "restore_item"):
            async with refused(door, "NOT_FOUND"):
                await door.call(operation, token=key, id=other["id"])
        async with refused(door, "NOT_FOUND"):
            await door.call("list_messages", token=key, item_id=other["id"])
        async with refused(door, "NOT_FOUND"):
            await door.call("create_message", token=key, data={"item_id": other["id"], "body": "Hello"})
        async with refused(door, "NOT_FOUND"):
            await door.call("list_items", token=key, workspace_id=other["workspace_id"])
    # What it makes without saying where is made in its workspace.
    assert (await door.call("create_item", token=here, data={"title": "By key"}))["workspace_id"] == str(
        world.workspace
    )


async def test_a_key_that_reads_is_told_so(door: Door, world: World) -> None:
    item = await make_item(door, world)
    reading = (await make_key(door.app, world.editor, READ)).key
    managing = (await make_key(door.app, world.admin, READ)).key
    fixed = (await make_key(door.app, world.editor, WRITE, world.workspace)).key
    nobody = {"id": str(world.workspace), "data": {"email": "nobody@example.com", "role": "viewer"}}
    sentences: dict[str, list[tuple[str, str, dict[str, Any]]]] = {
        "This API key may only read.": [
            ("update_item", reading, {"id": item["id"], "data": {"title": "Mine"}}),
            ("create_workspace", reading, {"data": {"name": "Mine"}}),
            # Before it is looked who has the address, and before an invitation is counted.
            ("add_member", managing, nobody),
            ("invite_member", managing, nobody),
        ],
        "This API key is for one workspace, and for nothing outside it.": [
            ("create_workspace", fixed, {"data": {"name": "Mine"}})
        ],
        "An API key may not do this; sign in for it.": [
            ("create_api_key", fixed, {"data": {"name": "Mine"}}),
            ("update_me", fixed, {"data": {"name": "Mine"}}),
        ],
    }
    for sentence, calls in sentences.items():
        for operation, key, arguments in calls:
            async with refused(door, "FORBIDDEN") as refusal:
                await door.call(operation, token=key, **arguments)
            assert refusal.message == sentence


async def test_a_key_is_not_answered_what_was_done_with_more_right(door: Door, world: World) -> None:
    name = "0198c0de-0000-7000-8000-00000000abcd"
    data = {"workspace_id": str(world.workspace), "title": "Once"}
    reading, writing = [(await make_key(door.app, world.editor, access)).key for access in (READ, WRITE)]
    first = await door.call("create_item", token=world.editor.token, data=data, key=name)
    async with refused(door, "FORBIDDEN"):
        await door.call("create_item", token=reading, data=data, key=name)
    second = await door.call("create_item", token=writing, data=data, key=name)
    assert second["id"] != first["id"]
    assert await door.call("create_item", token=writing, data=data, key=name) == second


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_nodes_and_relations_stay_within_the_workspace_of_a_key(
    app: FastAPI, client: httpx.AsyncClient, graphql: Door, world: World
) -> None:
    inside = await make_item(graphql, world)
    outside = await graphql.call("create_item", token=world.editor.token, data={"title": "Private"})
    shed = await graphql.call("create_workspace", token=world.editor.token, data={"name": "Shed"})
    data = {"user_id": str(world.stranger.id), "role": "viewer"}
    await graphql.call("add_member", token=world.editor.token, id=shed["id"], data=data)
    key = (await make_key(app, world.editor, READ, world.workspace)).key
    ids = [inside["id"], outside["id"], shed["id"], str(world.workspace), str(world.stranger.id), str(world.viewer.id)]
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    seen = [node and node["id"] for node in (await read(client, key, query, ids=ids))["nodes"]]
    assert seen == [inside["id"], None, None, str(world.workspace), None, str(world.viewer.id)]
    assert None not in (await read(client, world.editor.token, query, ids=ids))["nodes"]
    me = "{ me { items { nodes { id } } workspaces { nodes { id } } } }"
    assert (await read(client, key, me))["me"] == {
        "items": {"nodes": [{"id": inside["id"]}]},
        "workspaces": {"nodes": [{"id": str(world.workspace)}]},
    }
    # An administrator's key shows no strangers, either.
    root = (await make_key(app, world.administrator, READ)).key
    assert (await read(client, root, query, ids=[str(world.stranger.id)]))["nodes"] == [None]
    assert (await read(client, world.administrator.token, query, ids=[str(world.stranger.id)]))["nodes"] != [None]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_expired_keys_are_swept_after_a_month(app: FastAPI, world: World) -> None:
    keys = [await make_key(app, world.editor) for _ in range(3)]
    for key, age in zip(keys, (timedelta(days=-1), KEEP_KEYS / 2, KEEP_KEYS + timedelta(hours=1)), strict=True):
        await set_times(app, key.id, expires_at=age)
    await sweep(tools_of(app.state.settings, app.state.database), new_id(), Sweep(day=date(2026, 3, 1)))
    async with app.state.database.read() as uow:
        assert set(await uow.session.all(select(ApiKey.id))) == {key.id for key in keys[:2]}
