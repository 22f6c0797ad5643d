"""The same door, as called from other addresses."""

from typing import Any

import httpx
from fastapi import FastAPI

from tests.doors.door import Door, GraphQLDoor, RestDoor

HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"


def door_from(address: str, app: FastAPI, kind: str) -> Door:
    """Return a door as somebody at this address finds it."""
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(address, 1)), base_url="http://twofold.test")
    return RestDoor(app, client) if kind == "rest" else GraphQLDoor(app, client)


async def sign_in(door: Door, email: str, password: str) -> Any:
    """Try a password."""
    return await door.call("login", data={"email": email, "password": password})
