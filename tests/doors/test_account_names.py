"""One account per mailbox: however its address is spelled, it is the same one everywhere."""

import pytest

from tests.doors.accounts import sign_up
from tests.doors.door import Door, DoorError
from tests.doors.people import PASSWORD, World

SPELLINGS = {
    "ada@example.com": ["ada@example.com", " Ada@Example.COM\n", "ＡＤＡ＠ｅｘａｍｐｌｅ．ｃｏｍ"],
    "zoë@bücher.example": ["zoë@bücher.example", "ZOE\u0308@XN--BCHER-KVA.example", "\u00a0zoë@BU\u0308CHER.Example"],
}


async def log_in(door: Door, email: str) -> str:
    token: str = (await door.call("login", data={"email": email, "password": PASSWORD}))["access_token"]
    return token


@pytest.mark.parametrize("stored", list(SPELLINGS))
async def test_whoever_signed_up_signs_in_with_the_same_text_and_any_other_spelling(
    door: Door, world: World, stored: str
) -> None:
    for number, written in enumerate(SPELLINGS[stored]):
        account = await sign_up(door, email=written)
        assert account["email"] == stored
        for other in SPELLINGS[stored]:
            me = await door.call("get_me", token=await log_in(door, other))
            assert me["id"] == account["id"], (written, other)
            with pytest.raises(DoorError) as taken:
                await sign_up(door, email=other)
            assert taken.value.code == "CONFLICT"
        member = await door.call(
            "add_member",
            token=world.administrator.token,
            id=str(world.administrator.home),
            data={"email": written},
        )
        assert member["user_id"] == account["id"]
        # Out of the way of the next spelling.
        aside = await door.call(
            "update_user", token=world.administrator.token, id=account["id"], data={"email": f"old{number}@example.com"}
        )
        assert aside["email"] == f"old{number}@example.com"


async def test_an_address_is_changed_to_what_signs_in_afterwards(door: Door, world: World) -> None:
    me = await door.call(
        "update_me", token=world.editor.token, data={"email": " ＥＶＡ@Example.com ", "current_password": PASSWORD}
    )
    assert me["email"] == "eva@example.com"
    assert (await door.call("get_me", token=await log_in(door, " ＥＶＡ@Example.com ")))["id"] == me["id"]


@pytest.mark.parametrize(
    "written", ["Ada <ada@example.com>", "<ada@example.com>", "ada", "ada@", "a\u200bda@example.com", ""]
)
async def test_what_is_no_address_alone_names_no_account(door: Door, world: World, written: str) -> None:
    with pytest.raises(DoorError) as refused:
        await sign_up(door, email=written)
    assert refused.value.paths == {"email"}
    await sign_up(door, email="ada@example.com")
    with pytest.raises(DoorError) as unknown:
        await log_in(door, written)
    assert unknown.value.code == "UNAUTHENTICATED"


async def test_an_address_of_any_length_is_judged_at_once(door: Door, world: World) -> None:
    for written in ("a" * 255, "ﷺ" * 15_000, "a@" * 30_000):
        with pytest.raises(DoorError) as refused:
            await log_in(door, written)
        assert refused.value.paths == {"email"}


@pytest.mark.parametrize("changed", [False, True])
async def test_a_password_is_the_same_however_a_keyboard_composes_its_letters(door: Door, changed: bool) -> None:
    composed, apart = "Caf\u00e9 in M\u00fcnchen", "Cafe\u0301 in Mu\u0308nchen"
    password = PASSWORD if changed else composed
    await sign_up(door, password=password, password_confirm=password)
    if changed:
        session = await door.call("login", data={"email": "ada@example.com", "password": password})
        change = {"password": apart, "password_confirm": apart, "current_password": password}
        await door.call("update_me", token=session["access_token"], data=change)
    for typed in (composed, apart):
        await door.call("login", data={"email": "ada@example.com", "password": typed})
