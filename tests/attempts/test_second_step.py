"""Attempts to guess the code of a second step are counted by account and by address."""

from collections.abc import Callable

import pytest
from fastapi import FastAPI

from tests.attempts.callers import ELSEWHERE, HERE, door_from
from tests.conftest import AppFactory
from tests.doors.authenticator import RECOVERY_CODE, challenge_of, complete, write_second_step
from tests.doors.door import Door
from tests.doors.people import PASSWORD, Person, make_person
from tests.doors.refusals import refused

DoorFrom = Callable[[str], Door]
WRONG = "1111-1111-1111-1111"


@pytest.fixture
async def app(make_app: AppFactory) -> FastAPI:
    """An application with limits that are reached soon."""
    app: FastAPI = await make_app(
        rate_limits=True, second_step_attempts="3/hour", second_step_attempts_per_address="4/minute"
    )
    return app


@pytest.fixture
async def ada(app: FastAPI) -> Person:
    person = await make_person(app, "ada")
    await write_second_step(app, person.id)
    return person


@pytest.fixture(params=["rest", "graphql"])
def at(request: pytest.FixtureRequest, app: FastAPI) -> DoorFrom:
    """A function that gives the door as found from an address."""
    return lambda address: door_from(address, app, request.param)


async def wrong(door: Door, challenge: str) -> None:
    async with refused(door, "VALIDATION_ERROR", logged="second_step_failed"):
        await complete(door, challenge, WRONG)


async def test_an_account_has_so_many_wrong_codes_wherever_they_come_from(at: DoorFrom, ada: Person) -> None:
    challenge = await challenge_of(at(HERE), ada)
    for address in (HERE, HERE, ELSEWHERE):
        await wrong(at(address), challenge)
    async with refused(at("192.0.2.3"), "RATE_LIMITED") as refusal:
        await complete(at("192.0.2.3"), challenge, RECOVERY_CODE)
    assert 1 <= refusal.details["retry_after"] <= 3600


async def test_the_right_code_begins_anew(at: DoorFrom, ada: Person) -> None:
    first, second = [await challenge_of(at(HERE), ada) for _ in range(2)]
    for address in (HERE, ELSEWHERE):
        await wrong(at(address), first)
    await complete(at("192.0.2.3"), first, RECOVERY_CODE)
    for address in (HERE, ELSEWHERE, "192.0.2.4"):
        await wrong(at(address), second)


async def test_an_address_tries_so_many_codes_whosever_they_are(app: FastAPI, at: DoorFrom, ada: Person) -> None:
    bob = await make_person(app, "bob")
    await write_second_step(app, bob.id)
    here, of_ada, of_bob = at(HERE), await challenge_of(at(HERE), ada), await challenge_of(at(HERE), bob)
    for challenge in (of_ada, of_bob, of_ada, of_bob):
        await wrong(here, challenge)
    async with refused(here, "RATE_LIMITED"):
        await complete(here, of_bob, RECOVERY_CODE)
    await complete(at(ELSEWHERE), of_bob, RECOVERY_CODE)


async def test_who_has_no_living_challenge_spends_nobodys_attempts(at: DoorFrom, ada: Person) -> None:
    """Else whoever once knew the password could shut the owner out for ever."""
    stale = await challenge_of(at(HERE), ada)
    new = {"password": "New horse 1", "password_confirm": "New horse 1", "current_password": PASSWORD}
    await at(HERE).call("update_me", token=ada.token, data=new)
    for _ in range(6):
        async with refused(at(HERE), "UNAUTHENTICATED"):
            await complete(at(HERE), stale, WRONG)
    fresh = await challenge_of(at(HERE), ada, password="New horse 1")
    await complete(at(HERE), fresh, RECOVERY_CODE)


@pytest.mark.parametrize("operation", ["disable_two_step", "renew_recovery_codes"])
async def test_codes_that_are_tried_elsewhere_count_too(at: DoorFrom, ada: Person, operation: str) -> None:
    data = {"current_password": PASSWORD, "code": WRONG}
    for address in (HERE, HERE, ELSEWHERE):
        async with refused(at(address), "VALIDATION_ERROR", logged="second_step_failed"):
            await at(address).call(operation, token=ada.token, data=data)
    async with refused(at("192.0.2.3"), "RATE_LIMITED"):
        await at("192.0.2.3").call(operation, token=ada.token, data={**data, "code": RECOVERY_CODE})
