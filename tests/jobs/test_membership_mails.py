"""Who asked for it is told by mail what others do about a membership."""

from fastapi import FastAPI

from tests.doors.door import Door
from tests.doors.inviting import confirm
from tests.doors.people import World
from tests.doors.rows import JOBS, all_rows
from tests.jobs.mailbox import mail_to, mails_to

SENTENCES = (
    "somebody at Twofold added you to a workspace",
    "somebody at Twofold gave you another role in a workspace",
    "somebody at Twofold took you out of a workspace",
)


async def test_a_mail_is_for_who_asked_for_it_at_a_confirmed_address_about_what_others_did(
    door: Door, world: World, app: FastAPI
) -> None:
    admin, stranger, garden = world.admin, world.stranger, str(world.workspace)
    where = {"id": garden, "user_id": str(stranger.id)}

    async def add_and_remove() -> None:
        await door.call("add_member", token=admin.token, id=garden, data={"user_id": str(stranger.id)})
        await door.call("update_member", token=admin.token, **where, data={"role": "admin"})
        await door.call("remove_member", token=admin.token, **where)

    async def promised() -> int:
        return len((await all_rows(app))[JOBS])

    before = await promised()
    await confirm(app, stranger)
    assert (await door.call("get_me", token=stranger.token))["membership_mails"] is False
    await add_and_remove()
    answer = await door.call("update_me", token=stranger.token, data={"membership_mails": True})
    assert answer["membership_mails"] is True
    # What one does oneself is no news, and of others nobody hears.
    await door.call("add_member", token=admin.token, id=garden, data={"user_id": str(world.administrator.id)})
    await door.call("remove_member", token=world.viewer.token, id=garden, user_id=str(world.viewer.id))
    assert await promised() == before
    await add_and_remove()
    assert await promised() == before + 3
    await mail_to(app, stranger.email, 3)
    mails = await mails_to(app, stranger.email)
    assert [mail.subject for mail in mails] == ["Your workspaces at Twofold"] * 3
    for sentence in SENTENCES:
        [mail] = [mail for mail in mails if sentence in mail.text]
        assert sentence in mail.html
        assert "http://127.0.0.1:8000" in mail.text
        assert "Garden" not in mail.text + mail.html
    await door.call("add_member", token=admin.token, id=garden, data={"user_id": str(stranger.id)})
    await mail_to(app, stranger.email, 4)
    await door.call("remove_member", token=stranger.token, **where)
    unconfirmed = {"email": "elsewhere@example.com"}
    await door.call("update_user", token=world.administrator.token, id=str(stranger.id), data=unconfirmed)
    then = await promised()
    await add_and_remove()
    assert (await promised(), len(await mails_to(app, stranger.email))) == (then, 4)
