"""Whether an address has an account is told nobody who is no administrator, by whatever operation takes one."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from graphql import GraphQLInputObjectType, build_schema, get_named_type

from api.config import Settings
from api.main import create_app
from graphql_schema.schema import create_schema
from tests.doors.door import Door, DoorError
from tests.doors.people import PASSWORD, World
from tests.doors.rows import all_rows, keep, put_back

NOBODY = "nobody@example.com"
SOMEBODY = "viewer@example.com"
"""Who shares no workspace with the caller."""

CALLS: Mapping[str, Callable[[World, str], dict[str, Any]]] = {
    "login": lambda _, email: {"data": {"email": email, "password": "Wrong horse 1"}},
    "request_password_reset": lambda _, email: {"data": {"email": email}},
    "change_email": lambda _, email: {"data": {"email": email, "current_password": PASSWORD}},
    "update_user": lambda world, email: {"id": str(world.stranger.id), "data": {"email": email}},
    "add_member": lambda world, email: {"id": str(world.stranger.home), "data": {"email": email, "role": "viewer"}},
    "invite_member": lambda world, email: {"id": str(world.stranger.home), "data": {"email": email, "role": "viewer"}},
    "create_user": lambda _, email: {
        "data": {"name": "Eve", "email": email, "password": PASSWORD, "password_confirm": PASSWORD}
    },
    "update_me": lambda _, email: {"data": {"email": email, "current_password": PASSWORD}},
}

ANSWERS = {
    "login": "UNAUTHENTICATED",
    "request_password_reset": "OK",
    "change_email": "OK",
    "update_user": "FORBIDDEN",
    "add_member": "NOT_FOUND",
    "invite_member": "OK",
    "create_user": "OK",
    "update_me": "OK",
}
"""What is answered about an address without an account."""

TELLING = {"create_user", "update_me"}
"""These cannot do without: an address has one account. How often they tell is limited by `SIGN_UPS_PER_ADDRESS`."""


def test_every_operation_that_takes_an_address_is_tried() -> None:
    assert _at_rest() == _at_graphql() == set(CALLS)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_an_address_with_an_account_is_answered_as_one_without(door: Door, world: World) -> None:
    begin = await keep(door.app)
    for operation, call in CALLS.items():
        answers = []
        for email in (NOBODY, SOMEBODY):
            answer = await _answer(door, operation, world, call(world, email), email)
            # The work is the same, too: so many rows of each kind.
            answers.append((answer, {name: len(rows) for name, rows in (await all_rows(door.app)).items()}))
            await put_back(door.app, begin)
        without, with_ = answers
        assert without[0][0] == ANSWERS[operation], operation
        assert (without == with_) == (operation not in TELLING), operation
        if operation in TELLING:
            assert with_[0][:2] == ("CONFLICT", "This e-mail address has an account already."), operation


async def _answer(door: Door, operation: str, world: World, arguments: dict[str, Any], email: str) -> tuple[Any, ...]:
    """Return what was answered, without what differs from one time to the next."""
    try:
        body = await door.call(operation, token=world.stranger.token, **arguments)
    except DoorError as error:
        return error.code, error.message, error.details
    text = re.sub(r"[0-9a-f-]{36}|\d{4}-\d\d-\d\dT[\d:.]+Z", "…", repr(body))
    return ("OK", text.replace(email, "ADDRESS"))


def _at_rest() -> set[str]:
    document = create_app(Settings.model_construct(secret_key=None)).openapi()
    schemas = document["components"]["schemas"]
    found = set()
    for methods in document["paths"].values():
        for operation in methods.values():
            names = [parameter["name"] for parameter in operation.get("parameters", [])]
            for body in operation.get("requestBody", {}).get("content", {}).values():
                for name in re.findall(r"#/components/schemas/(\w+)", repr(body)):
                    names += schemas[name].get("properties", {})
            if any("email" in name for name in names):
                found.add(operation["operationId"])
    return found


def _at_graphql() -> set[str]:
    schema = build_schema(create_schema(Settings.model_construct()).as_str())
    found = set()
    for root in (schema.query_type, schema.mutation_type, schema.subscription_type):
        for name, field in root.fields.items() if root else ():
            names = list(field.args)
            for argument in field.args.values():
                type_ = get_named_type(argument.type)
                names += type_.fields if isinstance(type_, GraphQLInputObjectType) else []
            if any("email" in one.lower() for one in names):
                found.add(re.sub("([A-Z])", lambda found: f"_{found[1].lower()}", name))
    return found
