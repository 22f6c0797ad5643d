"""Proving an address and choosing a new password by mail, at both doors."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import event, update

from api.config import Settings
from api.core.mail_tokens import digest_of
from api.schemas.jobs import LetterKind, SendMail
from api.server.working import tools_of
from api.services.work.mailing import send_mail
from db.clock import utc_now
from db.engine import Database
from db.models import MailToken
from db.models.base import new_id
from tests.conftest import AppFactory, client_of
from tests.doors.authenticator import write_second_step
from tests.doors.door import Door, DoorError, GraphQLDoor, RestDoor
from tests.doors.keys import make_key
from tests.doors.people import PASSWORD, World, make_world
from tests.doors.rows import take_rows
from tests.doors.targets import make_webhook
from tests.jobs.mailbox import lasting_rows, mail_to, mails_to, token_in

NEW = "Difference2"
ADDRESS = "viewer@example.com"


async def reset(door: Door, token: str, password: str = NEW) -> Any:
    return await door.call("reset_password", data={"token": token, "password": password, "password_confirm": password})


async def expire_tokens(app: FastAPI) -> None:
    database: Database = app.state.database
    async with database.write() as uow:
        await uow.session.execute(update(MailToken).values(expires_at=utc_now() - timedelta(seconds=1)))


async def refuse_token(door: Door, operation: str, **data: Any) -> None:
    """Expect that a token does not count, and that nothing changes."""
    before = await lasting_rows(door.app)
    with pytest.raises(DoorError) as refusal:
        await door.call(operation, data=data)
    assert (refusal.value.code, refusal.value.paths) == ("VALIDATION_ERROR", {"token"})
    assert await lasting_rows(door.app) == before


async def test_an_address_is_confirmed_once(door: Door, world: World, app: FastAPI) -> None:
    token = world.viewer.token
    assert (await door.call("get_me", token=token))["email_verified_at"] is None
    assert await door.call("request_email_verification", token=token) == {"message": "A mail is on its way."}
    proof = token_in(await mail_to(app, ADDRESS))
    # The link works wherever it is opened.
    assert await door.call("verify_email", data={"token": proof}) == {"message": "The address is confirmed."}
    assert (await door.call("get_me", token=token))["email_verified_at"] is not None
    await refuse_token(door, "verify_email", token=proof)


async def test_a_token_is_good_for_its_purpose_alone_and_for_its_time(door: Door, world: World, app: FastAPI) -> None:
    await door.call("request_email_verification", token=world.viewer.token)
    proof = token_in(await mail_to(app, ADDRESS))
    await door.call("request_password_reset", data={"email": ADDRESS})
    right = token_in(await mail_to(app, ADDRESS, 2))
    await refuse_token(door, "reset_password", token=proof, password=NEW, password_confirm=NEW)
    await refuse_token(door, "verify_email", token=right)
    await refuse_token(door, "verify_email", token="made up")
    await expire_tokens(app)
    await refuse_token(door, "verify_email", token=proof)
    await refuse_token(door, "reset_password", token=right, password=NEW, password_confirm=NEW)


async def test_a_new_password_ends_sign_ins_and_all_mails_like_it(door: Door, world: World, app: FastAPI) -> None:
    for _ in range(2):
        await door.call("request_password_reset", data={"email": ADDRESS.upper()})
    first, second = token_in(await mail_to(app, ADDRESS)), token_in(await mail_to(app, ADDRESS, 2))
    assert first != second
    touched: set[UUID] = set()
    database: Database = app.state.database
    database.on_commit(lambda uow: touched.update(uow.touched_users))
    told = await reset(door, first)
    # Whose open streams end with it.
    assert touched == {world.viewer.id}
    assert told == {"message": "The password is changed. Sign in with the new one."}
    await refuse_token(door, "reset_password", token=first, password=PASSWORD, password_confirm=PASSWORD)
    await refuse_token(door, "reset_password", token=second, password=PASSWORD, password_confirm=PASSWORD)
    with pytest.raises(DoorError, match="UNAUTHENTICATED"):
        await door.call("get_me", token=world.viewer.token)
    with pytest.raises(DoorError, match="UNAUTHENTICATED"):
        await door.call("login", data={"email": ADDRESS, "password": PASSWORD})
    fresh = (await door.call("login", data={"email": ADDRESS, "password": NEW}))["access_token"]
    # Who reads the mail has proven the address.
    assert (await door.call("get_me", token=fresh))["email_verified_at"] is not None


async def test_a_job_that_is_done_once_more_sends_no_token_that_was_used(
    door: Door, world: World, app: FastAPI, settings: Settings
) -> None:
    """Which the end of a worker may bring about at any time."""
    await door.call("request_password_reset", data={"email": ADDRESS})
    mail = await mail_to(app, ADDRESS)
    again = SendMail(letter=LetterKind.PASSWORD_RESET, email=ADDRESS)
    await reset(door, token_in(mail))
    await send_mail(tools_of(settings, app.state.database), mail.id, again)
    await refuse_token(door, "reset_password", token=token_in(mail), password=PASSWORD, password_confirm=PASSWORD)


async def test_a_token_ends_with_the_address_it_was_sent_to_and_with_a_password_that_is_changed(
    door: Door, world: World, app: FastAPI
) -> None:
    token, current = world.viewer.token, PASSWORD
    await door.call("request_password_reset", data={"email": ADDRESS})
    first = token_in(await mail_to(app, ADDRESS))
    await door.call("update_me", token=token, data={"email": "other@example.com", "current_password": current})
    await mail_to(app, "other@example.com")
    await refuse_token(door, "reset_password", token=first, password=NEW, password_confirm=NEW)

    await door.call("request_password_reset", data={"email": "other@example.com"})
    second = token_in(await mail_to(app, "other@example.com", 2))
    changed = {"password": NEW, "password_confirm": NEW, "current_password": current}
    await door.call("update_me", token=token, data=changed)
    await refuse_token(door, "reset_password", token=second, password=PASSWORD, password_confirm=PASSWORD)


async def test_whoever_signed_up_with_somebody_elses_address_has_nothing_left_once_the_owner_comes(
    door: Door, world: World, app: FastAPI
) -> None:
    """What was to open the account later ends, whether or not its mail was written yet."""
    viewer = world.viewer
    key = (await make_key(app, viewer)).key
    async with app.state.database.write() as uow:
        await make_webhook(uow, viewer.home)
        _, kept = await make_webhook(uow, world.workspace)
    asked = {"email": "mallory@example.com", "current_password": PASSWORD}
    await door.call("change_email", token=viewer.token, data=asked)
    pending = token_in(await mail_to(app, "mallory@example.com"))
    outdated = SendMail(
        letter=LetterKind.EMAIL_CHANGE, user_id=viewer.id, email="mallory@example.com", asked_with=digest_of("old")
    )
    await write_second_step(app, viewer.id)
    await door.call("request_password_reset", data={"email": ADDRESS})
    await reset(door, token_in(await mail_to(app, ADDRESS)))

    with pytest.raises(DoorError, match="UNAUTHENTICATED"):
        await door.call("get_me", token=key)
    await refuse_token(door, "verify_email", token=pending)
    await send_mail(tools_of(app.state.settings, app.state.database), new_id(), outdated)
    assert len(await mails_to(app, "mallory@example.com")) == 1
    assert [row["id"] for row in (await take_rows(app, "webhook_deliveries"))["webhook_deliveries"]] == [kept.id]
    assert [row["workspace_id"] for row in (await take_rows(app, "webhooks"))["webhooks"]] == [world.workspace]
    fresh = (await door.call("login", data={"email": ADDRESS, "password": NEW}))["access_token"]
    # From now on the address is proven, and what is made stays through another reset.
    key = (await door.call("create_api_key", token=fresh, data={"name": "Import"}))["key"]
    await door.call("request_password_reset", data={"email": ADDRESS})
    await reset(door, token_in(await mail_to(app, ADDRESS, 2)), PASSWORD)
    assert (await door.call("get_me", token=key))["id"] == str(viewer.id)
    with pytest.raises(DoorError, match="UNAUTHENTICATED"):
        await door.call("get_me", token=fresh)


async def test_a_disabled_account_is_not_opened_by_a_mail(door: Door, world: World, app: FastAPI) -> None:
    await door.call("request_password_reset", data={"email": ADDRESS})
    right = token_in(await mail_to(app, ADDRESS))
    await door.call("request_email_verification", token=world.viewer.token)
    proof = token_in(await mail_to(app, ADDRESS, 2))
    disabled = {"id": str(world.viewer.id), "data": {"disabled": True}}
    await door.call("update_user", token=world.administrator.token, **disabled)
    await refuse_token(door, "reset_password", token=right, password=NEW, password_confirm=NEW)
    await refuse_token(door, "verify_email", token=proof)


async def test_an_address_without_an_account_gets_the_same_answer_and_no_mail(
    door: Door, world: World, app: FastAPI
) -> None:
    disabled = world.editor
    await door.call("update_user", token=world.administrator.token, id=str(disabled.id), data={"disabled": True})
    said: list[str] = []
    database: Database = app.state.database

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    event.listen(database.engines[0].sync_engine, "before_cursor_execute", note)
    answers, statements = [], []
    for address in (ADDRESS, "nobody@example.com", disabled.email, "no address \x00"):
        said.clear()
        answers.append(await door.call("request_password_reset", data={"email": address}))
        statements.append([one for one in said if "workflow_status" in one and one.startswith("INSERT")])
    event.remove(database.engines[0].sync_engine, "before_cursor_execute", note)
    assert answers[1:] == [answers[0]] * 3
    # What tells them apart is done later, by a job.
    assert statements[1:] == [statements[0]] * 3
    await mail_to(app, ADDRESS)
    assert await mails_to(app, "nobody@example.com") == await mails_to(app, disabled.email) == []


async def test_an_address_changes_once_the_new_one_is_confirmed(door: Door, world: World, app: FastAPI) -> None:
    new, token = "new@example.com", world.viewer.token
    before = await lasting_rows(app)
    with pytest.raises(DoorError) as refusal:
        await door.call("change_email", token=token, data={"email": new, "current_password": "Wrong1234"})
    assert refusal.value.paths == {"current_password"}
    # Of the guess alone something is kept, in the security log.
    after = await lasting_rows(app)
    assert len(after.pop("security_events")) == len(before.pop("security_events")) + 1
    assert after == before

    await door.call("change_email", token=token, data={"email": new, "current_password": PASSWORD})
    proof = token_in(await mail_to(app, new))
    assert (await door.call("get_me", token=token))["email"] == ADDRESS
    await door.call("verify_email", data={"token": proof})
    me = await door.call("get_me", token=token)
    assert (me["email"], me["email_verified_at"] is None) == (new, False)
    assert await mails_to(app, ADDRESS) == []


async def test_an_address_that_somebody_else_took_meanwhile_stays_theirs(
    door: Door, world: World, app: FastAPI
) -> None:
    new = "wanted@example.com"
    await door.call("change_email", token=world.viewer.token, data={"email": new, "current_password": PASSWORD})
    proof = token_in(await mail_to(app, new))
    taken = {"email": new, "current_password": PASSWORD}
    await door.call("update_me", token=world.editor.token, data=taken)
    await mail_to(app, new, 2)
    with pytest.raises(DoorError) as refusal:
        await door.call("verify_email", data={"token": proof})
    assert refusal.value.code == "CONFLICT"
    assert (await door.call("get_me", token=world.viewer.token))["email"] == ADDRESS


async def test_a_verification_does_not_count_for_an_address_that_came_later(
    door: Door, world: World, app: FastAPI
) -> None:
    token = world.viewer.token
    await door.call("request_email_verification", token=token)
    await door.call("verify_email", data={"token": token_in(await mail_to(app, ADDRESS))})
    await door.call("request_email_verification", token=token)
    old = token_in(await mail_to(app, ADDRESS, 2))
    changed = {"email": "later@example.com", "current_password": PASSWORD}
    assert (await door.call("update_me", token=token, data=changed))["email_verified_at"] is None
    # The new one is asked about by itself.
    new = token_in(await mail_to(app, "later@example.com"))
    await refuse_token(door, "verify_email", token=old)
    await door.call("verify_email", data={"token": new})
    assert (await door.call("get_me", token=token))["email_verified_at"] is not None


@pytest.mark.parametrize("name", ["rest", "graphql"])
async def test_mails_are_limited_by_who_asks_and_by_who_would_get_them(make_app: AppFactory, name: str) -> None:
    app = await make_app(rate_limits=True, mails_per_mailbox="2/hour", mails_per_address="3/hour")
    async with client_of(app) as client:
        door: Door = RestDoor(app, client) if name == "rest" else GraphQLDoor(app, client)

        async def ask(address: str) -> str:
            return await code(door, "request_password_reset", data={"email": address})

        for address in ("a@example.com", "a@example.com"):
            assert await ask(address) == "OK"
        before = await lasting_rows(app)
        # The first is one too many for this mailbox, in whatever letters, and spends the last from this address.
        assert await ask("A@example.com") == "RATE_LIMITED"
        assert await ask("b@example.com") == "RATE_LIMITED"
        assert await lasting_rows(app) == before


@pytest.mark.parametrize("name", ["rest", "graphql"])
async def test_mails_for_oneself_are_limited_too(make_app: AppFactory, name: str) -> None:
    app = await make_app(rate_limits=True, mails_per_mailbox="1/hour")
    world = await make_world(app)
    token = world.viewer.token
    async with client_of(app) as client:
        door: Door = RestDoor(app, client) if name == "rest" else GraphQLDoor(app, client)
        assert await code(door, "request_email_verification", token=token) == "OK"
        change = {"data": {"email": "new@example.com", "current_password": PASSWORD}}
        assert await code(door, "change_email", token=token, **change) == "OK"
        before = await lasting_rows(app)
        assert await code(door, "request_email_verification", token=token) == "RATE_LIMITED"
        assert await code(door, "change_email", token=token, **change) == "RATE_LIMITED"
        assert await lasting_rows(app) == before


async def code(door: Door, operation: str, **arguments: Any) -> str:
    """Return the code that an operation answers with."""
    try:
        await door.call(operation, **arguments)
    except DoorError as error:
        return error.code
    return "OK"
