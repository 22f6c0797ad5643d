"""Attempts to guess a password, or to create accounts for nothing, are counted by account and by address."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from db.models import UserRole
from tests.attempts.callers import ELSEWHERE, HERE, door_from, sign_in
from tests.conftest import AppFactory
from tests.doors.accounts import racing, sign_up
from tests.doors.door import Door
from tests.doors.people import PASSWORD, make_person
from tests.doors.refusals import refused

DoorFrom = Callable[[str], Door]
WRONG = "Wrong horse 1"
WINDOW = {"minute": 60, "hour": 3600}


@pytest.fixture
async def app(make_app: AppFactory) -> FastAPI:
    """An application with limits that are reached soon, and two people."""
    app: FastAPI = await make_app(
        rate_limits=True,
        login_attempts="3/minute",
        login_attempts_per_account="5/hour",
        login_attempts_per_address="8/minute",
        sign_ups_per_address="2/hour",
    )
    for name in ("ada", "bob"):
        await make_person(app, name)
    return app


@pytest.fixture(params=["rest", "graphql"])
def at(request: pytest.FixtureRequest, app: FastAPI) -> DoorFrom:
    """A function that gives the door as found from an address."""
    return lambda address: door_from(address, app, request.param)


async def limited(door: Door, call: Awaitable[Any], per: str) -> None:
    """Expect the call to be refused for a while, and to leave everything as it was."""
    headers: list[str | None] = []

    async def note(response: httpx.Response) -> None:
        headers.append(response.headers.get("retry-after"))

    door.client.event_hooks["response"] = [note]
    async with refused(door, "RATE_LIMITED") as refusal:
        await call
    seconds = refusal.details["retry_after"]
    assert 1 <= seconds <= WINDOW[per]
    assert refusal.message == f"Too many attempts. Try again in {seconds} seconds."
    assert headers == ([str(seconds)] if door.name == "rest" else [None])


async def wrong(door: Door, email: str = "ada@example.com") -> None:
    """Try a wrong password."""
    async with refused(door, "UNAUTHENTICATED", logged="sign_in_failed"):
        await sign_in(door, email, WRONG)


async def test_wrong_passwords_end_the_tries_at_this_address_and_leave_the_owner_elsewhere_alone(at: DoorFrom) -> None:
    here = at(HERE)
    for email in ("ada@example.com", " ADA@example.com ", "Ada@Example.Com"):
        await wrong(here, email)

    await limited(here, sign_in(here, "ada@example.com", PASSWORD), "minute")
    await sign_in(at(ELSEWHERE), "ada@example.com", PASSWORD)
    await sign_in(here, "bob@example.com", PASSWORD)


async def test_nobody_learns_whether_there_is_an_account(at: DoorFrom) -> None:
    here = at(HERE)
    for _ in range(3):
        await wrong(here, "nobody@example.com")

    await limited(here, sign_in(here, "nobody@example.com", WRONG), "minute")


async def test_tries_at_the_same_moment_are_counted_too(at: DoorFrom) -> None:
    here = at(HERE)

    ends = await racing(*(sign_in(here, "ada@example.com", WRONG) for _ in range(7)))

    assert sorted(ends) == ["RATE_LIMITED"] * 4 + ["UNAUTHENTICATED"] * 3


async def test_the_right_password_begins_anew(at: DoorFrom) -> None:
    here = at(HERE)
    for _ in range(2):
        await wrong(here)
    await sign_in(here, "ada@example.com", PASSWORD)
    for _ in range(3):
        await wrong(here)

    await limited(here, sign_in(here, "ada@example.com", PASSWORD), "minute")


async def test_whoever_tries_from_many_addresses_gets_one_try_each_and_locks_nobody_out(at: DoorFrom) -> None:
    for address in ("198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.4", "198.51.100.5"):
        await wrong(at(address))

    late = at("198.51.100.6")
    await wrong(late)
    await limited(late, sign_in(late, "ada@example.com", WRONG), "hour")
    for _ in range(2):
        await sign_in(at(ELSEWHERE), "ada@example.com", PASSWORD)
    await wrong(late, "bob@example.com")


async def test_an_address_tries_so_many_passwords_whosever_they_are(at: DoorFrom) -> None:
    neighbours = [f"2001:db8:1:2::{number}" for number in range(1, 9)]
    for number, address in enumerate(neighbours):
        await wrong(at(address), f"nobody{number}@example.com")

    last = at("2001:db8:1:2:ffff::1")
    await limited(last, sign_in(last, "ada@example.com", PASSWORD), "minute")
    await sign_in(at("2001:db8:1:3::1"), "ada@example.com", PASSWORD)


async def test_an_address_creates_so_many_accounts(app: FastAPI, at: DoorFrom) -> None:
    here = at(HERE)
    root = await make_person(app, "root")
    token = (await sign_in(at(ELSEWHERE), root.email, PASSWORD))["access_token"]
    await sign_up(here, email="eve1@example.com")
    async with refused(here, "CONFLICT"):
        await sign_up(here, email="eve1@example.com")

    await limited(here, sign_up(here, email="eve2@example.com"), "hour")
    await limited(here, sign_up(here, token=token, email="eve2@example.com"), "hour")
    # Who gives the account an address is told whether that is taken, as often as who signs up.
    taken = {"email": "eve1@example.com", "current_password": PASSWORD}
    await limited(here, here.call("update_me", token=token, data=taken), "hour")
    there = at(ELSEWHERE)
    for _ in range(2):
        async with refused(there, "CONFLICT"):
            await there.call("update_me", token=token, data=taken)
    await limited(there, sign_up(there, email="eve2@example.com"), "hour")
    await sign_up(at("192.0.2.3"), email="eve2@example.com")


async def test_an_administrator_creates_as_many_accounts_as_it_likes(app: FastAPI, at: DoorFrom) -> None:
    root = await make_person(app, "root", UserRole.ADMIN)
    for number in range(4):
        await sign_up(at(HERE), token=root.token, email=f"eve{number}@example.com")


async def test_a_stolen_token_does_not_help_to_guess_the_password(app: FastAPI, at: DoorFrom) -> None:
    here = at(HERE)
    eve = await make_person(app, "eve")
    change = {"email": "new@example.com", "current_password": WRONG}
    await wrong(here, eve.email)
    for _ in range(2):
        async with refused(here, "VALIDATION_ERROR", logged="wrong_password"):
            await here.call("update_me", token=eve.token, data=change)

    right = {**change, "current_password": PASSWORD}
    await limited(here, here.call("update_me", token=eve.token, data=right), "minute")
    await here.call("update_me", token=eve.token, data={"name": "Eve the first"})
    await at(ELSEWHERE).call("update_me", token=eve.token, data=right)


async def test_limits_can_be_switched_off(make_app: AppFactory) -> None:
    app = await make_app(rate_limits=False, login_attempts="1/hour", sign_ups_per_address="1/hour")
    here = door_from(HERE, app, "rest")
    for number in range(3):
        await sign_up(here, email=f"eve{number}@example.com")
        await wrong(here, "eve0@example.com")
