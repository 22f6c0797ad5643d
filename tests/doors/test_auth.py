"""Signing in at both doors, and every way in which a token may not count."""

import warnings
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from fastapi import FastAPI
from jwt.warnings import InsecureKeyLengthWarning
from pwdlib import PasswordHash

from api.core.identity import Identity
from tests.conftest import SECRET
from tests.doors.accounts import sign_up
from tests.doors.door import Door, DoorError
from tests.doors.people import PASSWORD, World
from tests.doors.refusals import refused
from tests.graphql.asking import statements

NOT_VALID = "The access token is not valid."
EXPIRED = "The access token has expired. Refresh the session, or sign in again."
WRONG = "The e-mail address or the password is wrong."


async def test_a_sign_in_answers_a_bearer_token_that_works(door: Door, world: World) -> None:
    for email in ("editor@example.com", "  Editor@EXAMPLE.com "):
        answer = await door.call("login", data={"email": email, "password": PASSWORD})
        assert set(answer) == {"access_token", "token_type", "expires_in", "refresh_token", "refresh_expires_in"}
        assert (answer["token_type"], answer["expires_in"]) == ("bearer", 15 * 60)
        assert answer["refresh_expires_in"] == 30 * 24 * 60 * 60
        assert (await door.call("get_me", token=answer["access_token"]))["id"] == str(world.editor.id)


async def test_a_token_carries_every_claim_and_is_signed_with_the_one_algorithm(door: Door, world: World) -> None:
    data = {"email": world.editor.email, "password": PASSWORD}
    tokens = [(await door.call("login", data=data))["access_token"] for _ in range(2)]
    first, second = [
        jwt.decode(token, SECRET, algorithms=["HS256"], audience="twofold-api", issuer="twofold") for token in tokens
    ]
    assert jwt.get_unverified_header(tokens[0]) == {"alg": "HS256", "typ": "JWT"}
    assert set(first) == {"sub", "iat", "exp", "jti", "iss", "aud", "sid"}
    assert first["sub"] == str(world.editor.id)
    assert first["exp"] - first["iat"] == 15 * 60
    assert abs(first["iat"] - datetime.now(UTC).timestamp()) < 60
    assert first["jti"] != second["jti"]


async def test_whoever_cannot_sign_in_gets_one_answer_whatever_the_reason(door: Door, world: World) -> None:
    await door.call("update_user", token=world.administrator.token, id=str(world.viewer.id), data={"disabled": True})
    refusals = []
    for email, password in (
        ("nobody@example.com", PASSWORD),
        ("no address at all", PASSWORD),
        ("editor\x00@example.com", PASSWORD),
        (world.editor.email, "Wrong horse 1"),
        (world.editor.email, ""),
        (world.viewer.email, PASSWORD),
        (world.viewer.email, "Wrong horse 1"),
    ):
        async with refused(door, "UNAUTHENTICATED", logged="sign_in_failed") as refusal:
            await door.call("login", data={"email": email, "password": password})
        refusals.append((refusal.message, refusal.details))
    assert refusals == [(WRONG, {})] * 7


class CountingHasher:
    """Counts what the real one is asked to verify."""

    def __init__(self, hasher: PasswordHash) -> None:
        self.hasher = hasher
        self.verified: list[str] = []

    def hash(self, password: str) -> str:
        return self.hasher.hash(password)

    def verify(self, password: str, password_hash: str) -> bool:
        self.verified.append(password_hash.split("$")[1])
        return self.hasher.verify(password, password_hash)


async def test_every_failed_sign_in_costs_the_same_work_so_that_time_tells_nothing(
    door: Door, world: World, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity: Identity = app.state.identity
    counting = CountingHasher(identity.passwords._hasher)
    monkeypatch.setattr(identity.passwords, "_hasher", counting)
    await door.call("update_user", token=world.administrator.token, id=str(world.viewer.id), data={"disabled": True})
    asked = []
    for email in ("nobody@example.com", world.viewer.email, world.editor.email):
        counting.verified.clear()
        with pytest.raises(DoorError), statements(app) as seen:
            await door.call("login", data={"email": email, "password": "Wrong horse 1"})
        assert counting.verified == ["argon2id"], email
        asked.append(seen)
    assert asked[0] == asked[1] == asked[2]
    assert len(asked[0]) == 2


async def test_an_incomplete_sign_in_is_named_by_its_paths(door: Door, world: World) -> None:
    email = world.editor.email
    for data, paths in (
        ({}, {"email", "password"}),
        ({"email": email}, {"password"}),
        ({"email": None, "password": None}, {"email", "password"}),
        ({"email": email, "password": "P" * 129}, {"password"}),
        ({"email": "e" * 255, "password": PASSWORD}, {"email"}),
        ({"email": email, "password": PASSWORD, "remember": True}, {"remember"}),
    ):
        async with refused(door, "VALIDATION_ERROR") as refusal:
            await door.call("login", data=data)
        assert refusal.paths == paths, data


def _claims(world: World, **changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    claims = {
        "sub": str(world.editor.id),
        "iat": now,
        "exp": now + timedelta(hours=1),
        "jti": uuid4().hex,
        "iss": "twofold",
        "aud": "twofold-api",
        "sid": str(world.editor.session),
    }
    return {key: value for key, value in {**claims, **changes}.items() if value is not ...}


def _sign(claims: dict[str, Any], *, key: str = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, key, algorithm=algorithm)


def _with_algorithm(claims: dict[str, Any], algorithm: str) -> str:
    with warnings.catch_warnings(action="ignore", category=InsecureKeyLengthWarning):
        return _sign(claims, algorithm=algorithm)


def _forged(world: World) -> dict[str, str]:
    """Return tokens that differ from a good one in one point each."""
    good = _sign(_claims(world))
    head, body, signature = good.split(".")
    hour = timedelta(hours=1)
    altered: dict[str, dict[str, Any]] = {
        "another issuer": {"iss": "elsewhere"},
        "another audience": {"aud": "another-api"},
        "issued in the future": {"iat": datetime.now(UTC) + hour, "exp": datetime.now(UTC) + 2 * hour},
        "no date of issue": {"iat": "yesterday"},
        "no date of expiry": {"exp": "tomorrow"},
        "no user's id": {"sub": "root"},
        "a number for an id": {"sub": 7},
        "a number for a token id": {"jti": 7},
        "no session's id": {"sid": "first"},
        "a number for a session's id": {"sid": 1},
    }
    return {
        **{f"without {claim}": _sign(_claims(world, **{claim: ...})) for claim in _claims(world)},
        **{name: _sign(_claims(world, **change)) for name, change in altered.items()},
        "another key": _sign(_claims(world), key=SECRET + "!"),
        "another algorithm": _with_algorithm(_claims(world), "HS512"),
        "no algorithm": _sign(_claims(world), key="", algorithm="none"),
        "no signature": f"{head}.{body}.",
        "half a signature": f"{head}.{body}.{signature[:20]}",
        "another body": f"{head}.{_sign(_claims(world, sub=str(world.administrator.id))).split('.')[1]}.{signature}",
        "two parts": f"{head}.{body}",
        "words": "not a token",
    }


async def test_a_forged_token_does_not_count_whatever_is_forged_about_it(door: Door, world: World) -> None:
    # What is forged below would count if it were not for the one thing that is wrong about it.
    assert (await door.call("get_me", token=_sign(_claims(world))))["id"] == str(world.editor.id)
    data = {"workspace_id": str(world.workspace), "title": "Forged"}
    for name, token in _forged(world).items():
        async with refused(door, "UNAUTHENTICATED") as refusal:
            await door.call("create_item", token=token, data=data)
        assert refusal.message == NOT_VALID, name


async def test_an_expired_token_is_told_apart_from_a_forged_one(door: Door, world: World) -> None:
    past = datetime.now(UTC) - timedelta(seconds=11)
    expired = _claims(world, iat=past - timedelta(hours=12), exp=past)
    for key, message in ((SECRET, EXPIRED), (SECRET + "!", NOT_VALID)):
        async with refused(door, "UNAUTHENTICATED") as refusal:
            await door.call("list_items", token=_sign(expired, key=key))
        assert refusal.message == message


async def test_clocks_of_two_machines_may_differ_by_ten_seconds_but_no_token_lives_visibly_longer(
    door: Door, world: World
) -> None:
    def token(issued: float, expires: float, **more: Any) -> str:
        now = datetime.now(UTC)
        return _sign(_claims(world, iat=now + timedelta(seconds=issued), exp=now + timedelta(seconds=expires), **more))

    soon, later = [datetime.now(UTC) + timedelta(seconds=seconds) for seconds in (5, 60)]
    for good in (token(7, 60), token(-3600, -7), token(-20, 5), token(0, 60, nbf=soon)):
        assert (await door.call("get_me", token=good))["id"] == str(world.editor.id)
    for bad, message in (
        (token(60, 120), NOT_VALID),
        (token(0, 60, nbf=later), NOT_VALID),
        (token(-3600, -11), EXPIRED),
        (token(-20, -3), EXPIRED),
        (token(5, -5), EXPIRED),
    ):
        async with refused(door, "UNAUTHENTICATED") as refusal:
            await door.call("get_me", token=bad)
        assert refusal.message == message


async def test_a_token_of_another_session_or_of_nobody_does_not_count(door: Door, world: World) -> None:
    for change, message in (
        (
            {"sid": str(uuid4())},
            "The session of this access token has ended. Sign in again.",
        ),
        (
            {"sid": str(world.viewer.session)},
            "The session of this access token has ended. Sign in again.",
        ),
        ({"sub": str(uuid4())}, "The account of this access token no longer exists."),
    ):
        async with refused(door, "UNAUTHENTICATED") as refusal:
            await door.call("get_me", token=_sign(_claims(world, **change)))
        assert refusal.message == message


async def test_a_malformed_authorization_header_is_refused_with_how_it_should_be(door: Door, world: World) -> None:
    token = world.editor.token
    shape = "The Authorization header must be: Bearer, a space, and an access token or API key."
    for header, message in (
        ("", shape),
        ("Bearer", shape),
        ("Bearer ", shape),
        (token, shape),
        (f"Basic {token}", shape),
        (f"Bearer{token}", shape),
        (f"Bearer {token} {token}", NOT_VALID),
        (f"Bearer Bearer {token}", NOT_VALID),
        (f'Bearer "{token}"', NOT_VALID),
        ("Bearer é", NOT_VALID),
    ):
        door.client.headers = httpx.Headers([(b"authorization", header.encode("latin-1"))])
        async with refused(door, "UNAUTHENTICATED") as refusal:
            await door.call("get_me")
        assert refusal.message == message, header
    for header in (f"bearer {token}", f"BEARER   {token}  "):
        door.client.headers["Authorization"] = header
        assert (await door.call("get_me"))["id"] == str(world.editor.id)


async def test_without_a_token_the_answer_is_to_sign_in_first(door: Door, world: World) -> None:
    async with refused(door, "UNAUTHENTICATED") as refusal:
        await door.call("list_workspaces")
    assert refusal.message == "Sign in first: this needs an access token."
    assert refusal.details == {}


async def test_rest_asks_for_a_bearer_token_as_http_wants_it(rest: Door, app: FastAPI) -> None:
    response = await rest.client.get("/api/users/me")
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")


async def test_an_invalid_token_does_no_harm_where_none_is_needed(door: Door, world: World) -> None:
    expired = _sign(_claims(world, exp=datetime.now(UTC) - timedelta(hours=1)))
    for number, token in enumerate((expired, "not a token")):
        account = await sign_up(door, token=token, email=f"ada{number}@example.com")
        data = {"email": account["email"], "password": PASSWORD}
        assert (await door.call("login", token=token, data=data))["token_type"] == "bearer"
        async with refused(door, "FORBIDDEN"):
            await sign_up(door, token=token, role="admin", email="root2@example.com")
