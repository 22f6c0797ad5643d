"""Webhooks at both doors: who gets a secret, which addresses are taken, what an edit does."""

import re
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI

from api.services import webhooks as service
from db.models import Webhook, WebhookPause
from db.repositories import webhooks, workspaces
from db.scope import EVERYTHING
from tests.conftest import AppFactory
from tests.doors.door import Door, DoorError
from tests.doors.people import World
from tests.doors.rows import all_rows
from tests.doors.things import last_seq, make_item, refused

HOOK = "https://hooks.example.com/twofold?team=1"


async def make(door: Door, world: World, **values: Any) -> dict[str, Any]:
    """Let the admin create a webhook."""
    data = {"workspace_id": str(world.workspace), "url": HOOK, **values}
    made: dict[str, Any] = await door.call("create_webhook", token=world.admin.token, data=data)
    return made


async def change(app: FastAPI, webhook_id: str, **values: Any) -> None:
    """Let a job note how far a webhook is."""
    async with app.state.database.write() as uow:
        webhook = await webhooks.lock(uow.session, UUID(webhook_id))
        assert isinstance(webhook, Webhook)
        for name, value in values.items():
            setattr(webhook, name, value)
        await uow.session.flush()


async def test_a_webhook_begins_with_the_next_change_and_shows_its_secret_once(door: Door, world: World) -> None:
    seq = await last_seq(door, world)
    made = await make(door, world, kinds=["item_created", "message_deleted", "item_created"], description=" CRM ")

    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", made.pop("secret"))
    expected = {
        "workspace_id": str(world.workspace),
        "url": HOOK,
        "kinds": ["item_created", "message_deleted"],
        "description": "CRM",
        "seq": seq,
        "paused": False,
        "paused_reason": None,
        "failures": 0,
        "failing_since": None,
        "next_attempt_at": None,
        "version": 1,
    }
    assert {name: made[name] for name in expected} == expected
    # It is no secret of the viewers what changes, but where it is told is nothing of the log.
    assert await last_seq(door, world) == seq
    assert await door.call("get_webhook", token=world.admin.token, id=made["id"]) == made


async def test_two_webhooks_have_two_secrets_and_the_database_has_none(door: Door, world: World, app: FastAPI) -> None:
    one, other = [(await make(door, world))["secret"] for _ in range(2)]
    assert one != other
    rows = repr(await all_rows(app))
    assert one not in rows
    assert one.removeprefix("whsec_") not in rows


async def test_webhooks_are_listed_page_by_page_oldest_first(door: Door, world: World) -> None:
    ids = [(await make(door, world))["id"] for _ in range(3)]
    call: dict[str, Any] = {"token": world.admin.token, "workspace_id": str(world.workspace), "limit": 2}
    first = await door.call("list_webhooks", include_total=True, **call)
    rest = await door.call("list_webhooks", cursor=first["next_cursor"], **call)
    assert [one["id"] for one in [*first["data"], *rest["data"]]] == ids
    assert (first["total"], rest["next_cursor"]) == (3, None)
    assert "secret" not in first["data"][0]
    assert (await door.call("list_webhooks", token=world.admin.token))["data"] == []


async def test_a_workspace_has_at_most_twenty(door: Door, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST", 1)
    await make(door, world)
    with refused("CONFLICT"):
        await make(door, world)
    # Another workspace has its own.
    await door.call("create_webhook", token=world.admin.token, data={"url": HOOK})


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1:8443/",
        "https://user:password@example.com/",
        "https://example.com@10.0.0.1/",
        "https://example.com\\@10.0.0.1/",
        "https://example.com/#part",
        "https://example.com:0/",
        "https://example.com:65536/",
        "https:///path",
        "https://exämple.com/",
        "https://example.com/a b",
        "https://example.com/\r\nHost: other",
        "ftp://example.com/",
        "javascript:alert(1)",
        "//example.com/",
        "",
    ],
)
async def test_an_address_that_is_not_allowed_is_refused(door: Door, world: World, app: FastAPI, url: str) -> None:
    made = await make(door, world)
    before = await all_rows(app)
    with refused("VALIDATION_ERROR", "url"):
        await make(door, world, url=url)
    with refused("VALIDATION_ERROR", "url"):
        await door.call("update_webhook", token=world.admin.token, id=made["id"], data={"url": url})
    assert await all_rows(app) == before


@pytest.mark.parametrize("url", ["http://example.com/", "http://127.0.0.1:8000/hook", "https://[fd00::1]/"])
async def test_the_installation_may_allow_it(
    make_app: AppFactory, door: Door, world: World, app: FastAPI, url: str
) -> None:
    app.state.webhook_rules = (
        await make_app(webhook_private_addresses=True, webhook_plain_http=True)
    ).state.webhook_rules
    assert (await make(door, world, url=url))["url"] == url


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"kinds": []}, "kinds"),
        ({"description": "x" * 201}, "description"),
        ({"description": "two\nlines"}, "description"),
        ({"url": "https://example.com/" + "x" * 2000}, "url"),
    ],
)
async def test_what_does_not_fit_is_refused(door: Door, world: World, values: dict[str, Any], path: str) -> None:
    with refused("VALIDATION_ERROR", path):
        await make(door, world, **values)


async def test_an_edit_touches_what_was_sent(door: Door, world: World) -> None:
    made = await make(door, world, kinds=["item_created"], description="CRM")
    call: dict[str, Any] = {"token": world.admin.token, "id": made["id"]}
    moved = await door.call("update_webhook", data={"url": "https://other.example.com/"}, **call)
    told = [moved[name] for name in ("url", "kinds", "description", "version")]
    assert told == ["https://other.example.com/", ["item_created"], "CRM", 2]
    same = await door.call("update_webhook", data={"description": "CRM"}, **call)
    assert same == moved
    assert (await door.call("update_webhook", data={"kinds": None}, **call))["kinds"] is None
    with refused("PRECONDITION_FAILED"):
        await door.call("update_webhook", data={"description": "Late"}, expected_version=1, **call)


async def test_whoever_pauses_a_webhook_lets_it_go_on_where_it_was(door: Door, world: World, app: FastAPI) -> None:
    made = await make(door, world)
    call: dict[str, Any] = {"token": world.admin.token, "id": made["id"]}
    paused = await door.call("update_webhook", data={"paused": True}, **call)
    assert (paused["paused"], paused["paused_reason"], paused["seq"]) == (True, "by_admin", made["seq"])
    again = await door.call("update_webhook", data={"paused": True}, **call)
    assert again["version"] == paused["version"]
    await make_item(door, world)
    gone_on = await door.call("update_webhook", data={"paused": False}, **call)
    assert (gone_on["paused"], gone_on["paused_reason"], gone_on["seq"]) == (False, None, made["seq"])
    jobs = (await door.call("list_jobs", token=world.administrator.token))["data"]
    assert [job["kind"] for job in jobs] == ["deliver_webhook"]


async def test_a_webhook_that_was_given_up_goes_on_with_what_is_left(door: Door, world: World, app: FastAPI) -> None:
    made = await make(door, world)
    await change(app, made["id"], paused_reason=WebhookPause.LOG_TRIMMED, failures=7)
    async with app.state.database.write() as uow:
        workspace = await workspaces.lock(uow.session, EVERYTHING, world.workspace)
        assert workspace is not None
        workspace.trimmed_seq = workspace.seq = made["seq"] + 3
        await uow.session.flush()
    call: dict[str, Any] = {"token": world.admin.token, "id": made["id"]}
    assert (await door.call("get_webhook", **call))["paused_reason"] == "log_trimmed"
    gone_on = await door.call("update_webhook", data={"paused": False}, **call)
    assert (gone_on["paused_reason"], gone_on["failures"], gone_on["seq"]) == (None, 0, made["seq"] + 3)


async def test_what_is_deleted_is_gone_with_its_deliveries(door: Door, world: World, app: FastAPI) -> None:
    before = await all_rows(app)
    made = await make(door, world)
    await door.call("delete_webhook", token=world.admin.token, id=made["id"])
    with pytest.raises(DoorError) as refusal:
        await door.call("get_webhook", token=world.admin.token, id=made["id"])
    assert (refusal.value.code, refusal.value.message) == ("NOT_FOUND", "There is no such webhook.")
    after = await all_rows(app)
    assert (after["webhooks"], after["webhook_deliveries"]) == (before["webhooks"], before["webhook_deliveries"])


async def test_the_security_log_tells_who_made_and_deleted_it(door: Door, world: World) -> None:
    made = await make(door, world)
    await door.call("delete_webhook", token=world.admin.token, id=made["id"])
    events = await door.call("list_security_events", token=world.administrator.token, user_id=str(world.admin.id))
    told = [(one["kind"], one["details"]) for one in events["data"] if one["kind"].startswith("webhook")]
    ids = {"webhook_id": made["id"], "workspace_id": str(world.workspace)}
    assert told == [("webhook_deleted", ids), ("webhook_created", ids)]


async def test_a_workspace_goes_with_its_webhooks(door: Door, world: World, app: FastAPI) -> None:
    await make(door, world)
    await door.call("delete_workspace", token=world.admin.token, id=str(world.workspace))
    assert (await all_rows(app))["webhooks"] == []
