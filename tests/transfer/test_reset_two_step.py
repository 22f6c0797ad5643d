"""Whoever has the server helps the only administrator who lost app and recovery codes."""

from typing import Any

from fastapi import FastAPI
from sqlalchemy import select

from api.config import Settings
from db.models import SecurityEvent, SecurityEventKind
from tests.doors.authenticator import write_second_step
from tests.doors.door import Door
from tests.doors.people import PASSWORD, World
from tests.doors.rows import all_rows
from tests.transfer.command import Ended, twofold


async def test_two_step_sign_in_is_switched_off_on_the_command_line(
    app: FastAPI, rest: Door, world: World, settings: Settings
) -> None:
    async def reset(email: str) -> Ended:
        return await twofold("reset-two-step", email, DATABASE_URL=settings.database_address)

    root = world.administrator
    await write_second_step(app, root.id)
    before = await _lasting(app)
    assert await reset("nobody@example.com") == Ended(1, "", "No account has this e-mail address.\n")
    assert await reset("viewer@example.com") == Ended(1, "", "Two-step sign-in is not on.\n")
    assert await _lasting(app) == before
    done = await reset(" ＲＯＯＴ@Example.com")
    assert done == Ended(0, "root@example.com signs in with the password alone now.\n", "")
    assert await rest.call("login", data={"email": root.email, "password": PASSWORD})
    # Sessions that there are go on, as they do when an administrator helps.
    assert await rest.call("get_me", token=root.token)
    async with app.state.database.read() as uow:
        told = select(SecurityEvent).where(SecurityEvent.kind == SecurityEventKind.TWO_STEP_DISABLED)
        (event,) = await uow.session.all(told)
    assert (event.user_id, event.actor, event.address) == (root.id, "system", None)


async def _lasting(app: FastAPI) -> dict[str, Any]:
    return {name: rows for name, rows in (await all_rows(app)).items() if name != "workers"}
