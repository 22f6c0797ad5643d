"""Lines that keep a promise nobody sees kept: what waits holds nothing, and what is answered is committed."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi import FastAPI

from api.core.passwords import Passwords
from db.errors import DatabaseUnavailableError
from db.session import WriteSession
from tests.chaos.waiting import LIMIT_SECONDS
from tests.conftest import AppFactory, client_of
from tests.doors.door import Door, DoorError, GraphQLDoor, RestDoor
from tests.doors.people import PASSWORD, World, make_world
from tests.doors.rows import all_rows


class Hashing:
    """Holds every check of a password until it is let go."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.go = asyncio.Event()

    @contextmanager
    def held(self, patch: pytest.MonkeyPatch) -> Iterator[None]:
        verify = Passwords.verify

        async def slow(passwords: Passwords, password: str, password_hash: str | None, **whose: Any) -> bool:
            self.begun.set()
            await self.go.wait()
            return await verify(passwords, password, password_hash, **whose)

        with patch.context() as patched:
            patched.setattr(Passwords, "verify", slow)
            yield
            self.go.set()


@pytest.mark.parametrize("kind", [RestDoor, GraphQLDoor])
@pytest.mark.parametrize("operation", ["login", "update_me"])
async def test_nobody_waits_for_a_connection_while_a_password_is_hashed(
    make_app: AppFactory, monkeypatch: pytest.MonkeyPatch, kind: type[RestDoor] | type[GraphQLDoor], operation: str
) -> None:
    app = await make_app(database_pool_size=1)
    world, hashing = await make_world(app), Hashing()
    login = {"data": {"email": world.editor.email, "password": PASSWORD}}
    change = {"token": world.editor.token, "data": {"email": "new@example.com", "current_password": PASSWORD}}
    async with client_of(app) as client, asyncio.timeout(LIMIT_SECONDS / 3):
        door = kind(app, client)
        with hashing.held(monkeypatch):
            slow = asyncio.create_task(door.call(operation, **(login if operation == "login" else change)))
            await hashing.begun.wait()
            data = {"title": "Meanwhile"}
            item = await door.call("create_item", token=world.viewer.token, data=data)
            assert await door.call("get_item", token=world.viewer.token, id=item["id"]) == item
            assert not slow.done()
        assert await slow


async def test_what_was_not_committed_is_not_answered_with_success(
    door: Door, app: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_session: WriteSession) -> None:
        raise DatabaseUnavailableError("the disk is full")

    before = await all_rows(app)
    monkeypatch.setattr(WriteSession, "commit", fail)
    with pytest.raises(DoorError) as caught:
        await door.call("create_item", token=world.editor.token, data={"title": "Lost"})
    assert caught.value.code == "UNAVAILABLE"
    assert await all_rows(app) == before
