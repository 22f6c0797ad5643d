"""Signing up, racing, and the same door of another application."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import httpx
from fastapi import FastAPI

from tests.doors.door import Door, DoorError, GraphQLDoor, RestDoor
from tests.doors.people import PASSWORD


async def sign_up(door: Door, *, token: str | None = None, **values: Any) -> dict[str, Any]:
    """Create an account; `values` replace or add fields."""
    data = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD, "password_confirm": PASSWORD, **values}
    account: dict[str, Any] = await door.call("create_user", token=token, data=data)
    return account


async def racing(*calls: Coroutine[Any, Any, Any]) -> list[str]:
    """Run the calls at the same time; return `OK` or the error code of each, in their order."""

    async def outcome(call: Coroutine[Any, Any, Any]) -> str:
        try:
            await call
        except DoorError as error:
            return error.code
        return "OK"

    return list(await asyncio.gather(*map(outcome, calls)))


def same_door(door: Door, app: FastAPI) -> Door:
    """Return the same kind of door of another application, which sees the same database."""
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://twofold.test")
    return RestDoor(app, client) if door.name == "rest" else GraphQLDoor(app, client)
