"""No operation takes an id of a workspace that the caller is not in, in any argument, or what the server sets."""

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import fields, replace
from functools import cache
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import delete, update

from api.config import Settings
from api.main import create_app
from db.models import Invitation, MailToken, User
from tests.doors.door import Door, DoorError
from tests.doors.people import World, make_person
from tests.doors.rows import all_rows
from tests.doors.targets import Cast, Target, make_cast, make_target
from tests.doors.test_matrix import CALLS, EXPECTED, REST_ONLY

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

REFUSALS = {"NOT_FOUND", "FORBIDDEN", "VALIDATION_ERROR", "CONFLICT"}

ANYBODY = {("add_member", "user_id")}
"""Who knows somebody's id lets that person in, wherever it was learned."""

SERVERS_OWN: Mapping[str, Any] = {
    "role": "admin",
    "disabled": False,
    "email_verified_at": "2026-01-01T00:00:00Z",
    "two_step_since": None,
    "id": "0198c0de-0000-7000-8000-000000000001",
    "user_id": "0198c0de-0000-7000-8000-000000000001",
    "owner_id": "0198c0de-0000-7000-8000-000000000001",
    "author_id": "0198c0de-0000-7000-8000-000000000001",
    "inviter_id": "0198c0de-0000-7000-8000-000000000001",
    "workspace_id": "0198c0de-0000-7000-8000-000000000001",
    "personal_workspace_id": "0198c0de-0000-7000-8000-000000000001",
    "personal": True,
    "seq": 1,
    "version": 7,
    "created_at": "2026-01-01T00:00:00Z",
    "deleted_at": None,
    "password_hash": "x",
    "secret": "x",
}

MAY_SET = {
    "role": {"create_user", "update_user", "add_member", "update_member", "invite_member"},
    "disabled": {"update_user"},
    "id": {"create_item", "create_message", "create_workspace"},
    "user_id": {"add_member"},
    "workspace_id": {
        "create_api_key",
        "create_item",
        "create_message",
        "create_stream_ticket",
        "create_upload",
        "create_webhook",
    },
}
"""What of it is for clients to say, in which operations; each of them has its own rule and its own test."""


@cache
def operations() -> Mapping[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Return the parameters and the fields of the body of each operation, by name."""
    document = create_app(Settings.model_construct(secret_key=None)).openapi()
    schemas = document["components"]["schemas"]
    found = {}
    for methods in document["paths"].values():
        for operation in methods.values():
            parameters = {one["name"]: one["schema"] for one in operation.get("parameters", [])}
            body: dict[str, Any] = {}
            for content in operation.get("requestBody", {}).get("content", {}).values():
                for name in re.findall(r"#/components/schemas/(\w+)", repr(content)):
                    body |= schemas[name]["properties"]
            found[operation["operationId"]] = (parameters, body)
    return found


def test_what_the_server_sets_is_no_field_of_an_input_but_where_it_is_said() -> None:
    for name in SERVERS_OWN:
        assert {operation for operation, (_, body) in operations().items() if name in body} == MAY_SET.get(name, set())


@SQLITE
async def test_what_the_server_sets_nobody_else_does(door: Door, world: World) -> None:
    cast = await make_cast(door.app, world, world.administrator)
    target = await make_target(door.app, cast)
    before = await all_rows(door.app)
    for case, call in CALLS.items():
        operation, arguments = case.partition("/")[0], call(cast, target)
        if "data" not in arguments:
            continue
        own = {name: value for name, value in SERVERS_OWN.items() if name not in operations()[operation][1]}
        with pytest.raises(DoorError) as caught:
            await door.call(
                operation, token=world.administrator.token, **{**arguments, "data": arguments["data"] | own}
            )
        assert (caught.value.code, caught.value.paths) == ("VALIDATION_ERROR", set(own)), case
    assert await all_rows(door.app) == before


@SQLITE
async def test_no_id_of_another_workspace_is_taken_in_any_argument(door: Door, world: World) -> None:
    cast = await make_cast(door.app, world, world.admin)
    own = await make_target(door.app, cast)
    others, foreign = await _elsewhere(door.app, world)
    before = await all_rows(door.app)
    tried = 0
    for case, call in CALLS.items():
        operation = case.partition("/")[0]
        if EXPECTED[case]["admin"] != "OK" or (door.name == "graphql" and operation in REST_ONLY):
            continue
        for name, arguments in _swapped(operation, call(cast, own), own, foreign, others):
            if (operation, name) in ANYBODY or arguments.get("data", {}).get("mine"):
                # A ticket for one's own log is for no workspace, whichever is named.
                continue
            tried += 1
            code, answer = await _answer(door, operation, world, arguments)
            # Or it is a condition that nothing fits.
            assert code in REFUSALS or answer == [], (case, name, code, answer)
            assert await all_rows(door.app) == before, (case, name)
    assert tried > 50


async def _answer(door: Door, operation: str, world: World, arguments: dict[str, Any]) -> tuple[str, Any]:
    try:
        body = await door.call(operation, token=world.admin.token, **arguments)
    except DoorError as error:
        return error.code, None
    return "OK", body["data"] if operation.startswith("list_") else body


async def _elsewhere(app: FastAPI, world: World) -> tuple[Cast, Target]:
    """Make another workspace with everything in it, where none of the first one's people is."""
    async with app.state.database.write() as uow:
        # The same names and tokens are used once more.
        aside = update(User).where(User.email.regexp_match("^(founder|bystander|outsider)@"))
        await uow.session.execute(aside.values(email="old-" + User.email))
        await uow.session.execute(delete(MailToken))
        await uow.session.execute(update(Invitation).values(digest=None))
    admin, editor, viewer = [await make_person(app, f"other-{name}") for name in ("admin", "editor", "viewer")]
    cast = await make_cast(app, replace(world, admin=admin, editor=editor, viewer=viewer), None)
    return cast, await make_target(app, cast)


def _of_its_kind(operation: str, foreign: Target) -> UUID:
    """Return the id of what there is already of the kind that an operation makes."""
    kinds = {"create_message": foreign.message, "create_workspace": foreign.workspace}
    return kinds.get(operation, foreign.item)


def _swapped(
    operation: str, arguments: dict[str, Any], own: Target, foreign: Target, others: Cast
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the arguments with one id at a time that is foreign, also those that may be left out."""
    kinds = [field.name for field in fields(Target) if isinstance(getattr(own, field.name), UUID)]
    counterparts = {str(getattr(own, kind)): str(getattr(foreign, kind)) for kind in kinds}
    by_name = {
        "workspace_id": str(foreign.workspace),
        "item_id": str(foreign.item),
        "message_id": str(foreign.message),
        "webhook_id": str(foreign.webhook),
        "invitation_id": str(foreign.invitation),
        "id": str(_of_its_kind(operation, foreign)),
    }
    parameters, body = operations()[operation]
    for place, known in ((None, parameters), ("data", body)):
        given = arguments if place is None else arguments.get(place, {})
        for name, schema in known.items():
            if '"uuid"' not in repr(schema).replace("'", '"'):
                continue
            wrong = counterparts.get(given.get(name, ""), by_name.get(name, str(others.founder.id)))
            changed = deepcopy(arguments)
            (changed if place is None else changed.setdefault(place, {}))[name] = wrong
            yield name, changed
