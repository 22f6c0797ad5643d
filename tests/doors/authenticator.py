"""An authenticator app, and the clock by which it and the server go."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pyotp
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from api.core.identity import Identity
from api.core.mail_tokens import digest_of
from db.clock import utc_now
from db.models import RecoveryCode, SignInChallenge, TwoStep, User
from db.models.base import new_id
from tests.doors.door import Door, DoorError
from tests.doors.people import PASSWORD, Person

STEP = timedelta(seconds=30)


@dataclass
class Clock:
    """What the second step takes for the time; it stands still until it is moved."""

    now: datetime = field(default_factory=utc_now)

    def move(self, by: timedelta = STEP) -> None:
        """Let time pass."""
        self.now += by


def stop_the_clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Let the services of the second step go by a clock that the test moves."""
    clock = Clock()
    for module in ("second_step", "two_step"):
        monkeypatch.setattr(f"api.services.{module}.utc_now", lambda: clock.now)
    return clock


@dataclass
class Authenticator:
    """Somebody's app, and the recovery codes beside it."""

    clock: Clock
    secret: str
    recovery_codes: list[str] = field(default_factory=list)

    def code(self, *, steps: int = 0) -> str:
        """Return what it shows now, or so many steps later."""
        return pyotp.TOTP(self.secret).at(self.clock.now + steps * STEP)

    def next_code(self) -> str:
        """Wait for a code that was not shown before."""
        self.clock.move()
        return self.code()

    def wrong_code(self) -> str:
        """Return six digits that it does not show about now."""
        shown = {self.code(steps=steps) for steps in range(-2, 3)}
        return next(code for code in ("000000", "111111", "222222", "333333", "444444", "555555") if code not in shown)


async def switch_on(door: Door, person: Person, clock: Clock) -> Authenticator:
    """Let somebody switch two-step sign-in on."""
    begun = await door.call("begin_two_step", token=person.token, data={"current_password": PASSWORD})
    app = Authenticator(clock, begun["secret"])
    made = await door.call("enable_two_step", token=person.token, data={"code": app.code()})
    app.recovery_codes = made["codes"]
    return app


async def challenge_of(door: Door, person: Person, *, password: str = PASSWORD) -> str:
    """Sign in with the right password, which is not enough, and return the challenge."""
    with pytest.raises(DoorError) as caught:
        await door.call("login", data={"email": person.email, "password": password})
    assert caught.value.code == "SECOND_STEP_NEEDED"
    challenge: str = caught.value.details["challenge"]
    return challenge


async def complete(door: Door, challenge: str, code: str) -> dict[str, Any]:
    """Sign in, second step."""
    answer: dict[str, Any] = await door.call("complete_login", data={"challenge": challenge, "code": code})
    return answer


SHARED = "A" * 32
"""A secret that somebody's app has."""

RECOVERY_CODE = "0000-0000-0000-0000"


async def write_second_step(app: FastAPI, user_id: UUID) -> str:
    """Switch two-step sign-in on for somebody, past all services, with one recovery code; return a challenge."""
    identity: Identity = app.state.identity
    now, challenge_id = utc_now(), new_id()
    async with app.state.database.write() as uow:
        user = await uow.session.one(select(User).where(User.id == user_id))
        user.two_step_since = now
        await uow.session.insert(
            TwoStep(user_id=user_id, secret=identity.second_step.seal(SHARED, user_id)),
            RecoveryCode(user_id=user_id, digest=identity.second_step.digest_of(RECOVERY_CODE, user_id)),
            SignInChallenge(
                id=challenge_id,
                user_id=user_id,
                password_digest=digest_of(user.password_hash or ""),
                expires_at=now + timedelta(hours=1),
            ),
        )
    return identity.challenges.of(challenge_id, user_id).text


async def write_set_up(app: FastAPI, user_id: UUID) -> None:
    """Let somebody have begun to set two-step sign-in up."""
    identity: Identity = app.state.identity
    async with app.state.database.write() as uow:
        await uow.session.insert(TwoStep(user_id=user_id, secret=identity.second_step.seal(SHARED, user_id)))
