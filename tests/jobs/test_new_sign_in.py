"""Whose account is entered with a device that was not known is told by mail, in words that nobody else chose."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from api.core.devices import device_in_words
from api.services.new_sign_ins import MOST_PER_HOUR
from db.clock import utc_now
from db.models import SecurityEvent, User
from tests.attempts.callers import ELSEWHERE, HERE, door_from
from tests.conftest import AppFactory
from tests.doors.authenticator import RECOVERY_CODE, challenge_of, complete, write_second_step
from tests.doors.door import Door
from tests.doors.people import PASSWORD, World, make_world
from tests.doors.rows import JOBS, all_rows
from tests.jobs.mailbox import mail_to, mails_to

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 "
    "Mobile/15E148 Safari/604.1"
)
EVIL = "Mallory <a href=https://evil.example.com>click</a>"
ADDRESS = "viewer@example.com"


async def sign_in(door: Door, device: str = FIREFOX) -> None:
    door.client.headers["User-Agent"] = device
    await door.call("login", data={"email": ADDRESS, "password": PASSWORD})


async def confirm(app: FastAPI) -> None:
    async with app.state.database.write() as uow:
        await uow.session.execute(update(User).where(User.email == ADDRESS).values(email_verified_at=utc_now()))


async def promised(app: FastAPI) -> int:
    return len((await all_rows(app))[JOBS])


async def test_a_sign_in_from_elsewhere_is_told_with_when_with_what_and_from_where(
    door: Door, world: World, app: FastAPI
) -> None:
    await confirm(app)
    await sign_in(door)
    await sign_in(door_from(ELSEWHERE, app, door.name), SAFARI)
    mail = await mail_to(app, ADDRESS)
    assert mail.subject == "A new sign-in to your account at Twofold"
    async with app.state.database.read() as uow:
        events = await uow.session.all(select(SecurityEvent).order_by(SecurityEvent.at.desc()))
    for text in (mail.text, mail.html):
        assert f"When: {events[0].at:%Y-%m-%d %H:%M} (UTC)" in text
        assert "With: Safari on iOS" in text
        assert f"From: {ELSEWHERE}" in text
        assert "http://127.0.0.1:8000" in text
    assert "#token=" not in mail.text
    assert len(await mails_to(app, ADDRESS)) == 1


async def test_a_letter_repeats_nothing_that_a_client_says_of_itself(door: Door, world: World, app: FastAPI) -> None:
    await confirm(app)
    await sign_in(door)
    await sign_in(door_from("click here", app, door.name), EVIL)
    mail = await mail_to(app, ADDRESS)
    assert "With: another program\nFrom: an unknown address\n" in mail.text
    for text in (mail.text, mail.html):
        assert "Mallory" not in text
        assert "evil" not in text
        assert "click" not in text


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
@pytest.mark.parametrize("name", ["rest", "graphql"])
async def test_who_is_known_is_told_nothing(make_app: AppFactory, name: str) -> None:
    app = await make_app()
    await make_world(app)
    here, elsewhere = door_from(HERE, app, name), door_from(ELSEWHERE, app, name)
    # Nobody proved to read this address: whoever signed up with it could write to it.
    await sign_in(here)
    await sign_in(elsewhere, CHROME)
    assert await promised(app) == 0
    await confirm(app)
    # Another version is the same program.
    await sign_in(here, FIREFOX.replace("150", "151"))
    await sign_in(elsewhere, CHROME)
    assert await promised(app) == 0
    # The same program somewhere else is not, nor is another one here.
    await sign_in(elsewhere, FIREFOX)
    assert await promised(app) == 1
    await age(app, timedelta(days=91))
    # Everything is forgotten, as if there had never been a sign-in.
    await sign_in(here, SAFARI)
    assert await promised(app) == 1
    await sign_in(here, FIREFOX)
    assert await promised(app) == 2


async def age(app: FastAPI, by: timedelta) -> None:
    async with app.state.database.write() as uow:
        await uow.session.execute(update(SecurityEvent).values(at=utc_now() - by))


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
async def test_a_mailbox_is_not_filled(make_app: AppFactory) -> None:
    app = await make_app()
    await make_world(app)
    await confirm(app)
    for number in range(MOST_PER_HOUR + 3):
        await sign_in(door_from(f"192.0.2.{number + 1}", app, "rest"))
    assert await promised(app) == MOST_PER_HOUR - 1
    await age(app, timedelta(hours=2))
    await sign_in(door_from("192.0.2.99", app, "rest"))
    assert await promised(app) == MOST_PER_HOUR


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
@pytest.mark.parametrize("name", ["rest", "graphql"])
async def test_with_a_second_step_it_is_the_second_that_counts(make_app: AppFactory, name: str) -> None:
    app = await make_app()
    world = await make_world(app)
    await confirm(app)
    await sign_in(door_from(HERE, app, name))
    await write_second_step(app, world.viewer.id)
    there = door_from(ELSEWHERE, app, name)
    challenge = await challenge_of(there, world.viewer)
    assert await promised(app) == 0
    await complete(there, challenge, RECOVERY_CODE)
    assert await promised(app) == 1


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        (CHROME, "Chrome on Windows"),
        (SAFARI, "Safari on iOS"),
        (CHROME + " Edg/140.0", "Edge on Windows"),
        ("curl/8.5.0", "curl"),
        ("python-httpx/0.28.1", "a Python program"),
        ("okhttp/5.0", "an app"),
        (EVIL, "another program"),
        ("", "another program"),
        (None, "another program"),
    ],
)
def test_a_device_is_told_in_words_of_ours(told: Any, words: str) -> None:
    assert device_in_words(told) == words
