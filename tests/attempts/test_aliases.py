"""One mutation is no way around: each alias counts as one attempt, and few fields of the kind fit in."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.conftest import AppFactory, client_of
from tests.doors.authenticator import RECOVERY_CODE, write_second_step
from tests.doors.people import make_person
from tests.doors.rows import all_rows
from tests.errors.socket import connected
from tests.graphql.asking import ask, statements

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

LOGIN = 'login(input: {email: "ada@example.com", password: "Wrong horse 1"}) { accessToken }'
CREATE = """createUser(input: {name: "Eve", email: "eve@example.com", password: "Correct horse 1",
  passwordConfirm: "Correct horse 1"}) { id }"""


@pytest.fixture
async def app(make_app: AppFactory) -> FastAPI:
    """An application that allows three wrong passwords."""
    app: FastAPI = await make_app(rate_limits=True, login_attempts="3/minute")
    await make_person(app, "ada")
    return app


@pytest.fixture
async def client(app: FastAPI) -> Any:
    """A client of it."""
    async with client_of(app) as client:
        yield client


RESET = (
    'resetPassword(input: {token: "x", password: "Correct horse 1", passwordConfirm: "Correct horse 1"}) { message }'
)
STEPS = " ".join(
    f'{name}: {name}(input: {{currentPassword: "Correct horse 1"{more}}}) {{ {field} }}'
    for name, more, field in (
        ("beginTwoStep", "", "secret"),
        ("disableTwoStep", ', code: "1"', "id"),
        ("renewRecoveryCodes", ', code: "1"', "codes"),
    )
)
SKIPPED = LOGIN.replace(") {", ") @include(if: $no) {")


def codes(answer: dict[str, Any]) -> list[str]:
    return [error["extensions"]["code"] for error in answer["errors"]]


def many(count: int) -> str:
    return " ".join(f"a{number}: {LOGIN}" for number in range(count))


async def test_each_alias_is_an_attempt(client: httpx.AsyncClient) -> None:
    for _ in range(3):
        assert codes(await ask(client, None, f"mutation {{ {many(1)} }}"))[0] == "UNAUTHENTICATED"

    assert codes(await ask(client, None, f"mutation {{ {many(5)} }}"))[0] == "RATE_LIMITED"


HIDING_PLACES = {
    "aliases": f"mutation {{ {many(6)} }}",
    "different fields": f"mutation {{ {many(5)} {CREATE} }}",
    "a reset": f"mutation {{ {many(5)} {RESET} }}",
    "a fragment": f"mutation {{ ...F ...F ...F }} fragment F on Mutation {{ {many(2)} }}",
    "nested fragments": f"""mutation {{ ...A }} fragment A on Mutation {{ ...B ...B }}
        fragment B on Mutation {{ ...C ...C }} fragment C on Mutation {{ {many(2)} }}""",
    "inline fragments": f"mutation {{ ... {{ ... on Mutation {{ {many(6)} }} }} }}",
    "directives": f"mutation($no: Boolean = false) {{ {many(5)} more: {SKIPPED} }}",
    "a fragment that is skipped": f"mutation {{ ... @skip(if: true) {{ {many(6)} }} }}",
}


@pytest.mark.parametrize("place", HIDING_PLACES)
async def test_a_mutation_brings_few_passwords_wherever_they_are(
    app: FastAPI, client: httpx.AsyncClient, place: str
) -> None:
    before = await all_rows(app)
    with statements(app) as seen:
        answer = await ask(client, None, HIDING_PLACES[place])

    assert codes(answer) == ["QUERY_TOO_COMPLEX"]
    details = answer["errors"][0]["extensions"]["details"]
    assert (details["limit"], details["maximum"], details["actual"] > 5) == ("passwords", 5, True)
    assert (answer["data"], seen) == (None, [])
    assert await all_rows(app) == before
    # None of them was an attempt.
    assert codes(await ask(client, None, f"mutation {{ {many(1)} }}")) == ["UNAUTHENTICATED"]


async def test_what_proves_the_password_once_more_brings_one_too(app: FastAPI, client: httpx.AsyncClient) -> None:
    bob = await make_person(app, "bob")
    answer = await ask(client, bob.token, f"mutation {{ {many(3)} {STEPS} }}")
    assert codes(answer) == ["QUERY_TOO_COMPLEX"]
    assert answer["errors"][0]["extensions"]["details"]["actual"] == 6


async def test_each_alias_is_a_code_that_is_tried(make_app: AppFactory) -> None:
    app = await make_app(rate_limits=True, second_step_attempts="3/hour")
    bob = await make_person(app, "bob")
    challenge = await write_second_step(app, bob.id)
    guess = f'completeLogin(input: {{challenge: "{challenge}", code: "CODE"}}) {{ accessToken }}'
    guesses = " ".join(f"a{number}: {guess.replace('CODE', f'{number:06}')}" for number in range(20))
    right = guess.replace("CODE", RECOVERY_CODE)
    async with client_of(app) as client:
        answer = await ask(client, None, f"mutation {{ {guesses} right: {right} }}")
        assert codes(answer) == ["VALIDATION_ERROR"] * 3 + ["RATE_LIMITED"] * 18
        assert set(answer["data"].values()) == {None}


async def test_five_fit_in(client: httpx.AsyncClient) -> None:
    assert "QUERY_TOO_COMPLEX" not in codes(await ask(client, None, f"mutation {{ {many(5)} }}"))


async def test_a_socket_is_no_way_around_either(app: FastAPI) -> None:
    async with connected(app) as socket:
        await socket.send({"type": "connection_init"})
        assert (await socket.receive())["type"] == "connection_ack"

        async def answer(query: str) -> dict[str, Any]:
            await socket.send({"id": "1", "type": "subscribe", "payload": {"query": query}})
            message = await socket.receive()
            if message["type"] == "next":
                assert (await socket.receive())["type"] == "complete"
                payload: dict[str, Any] = message["payload"]
                return payload
            return {"errors": message["payload"]}

        ends = [codes(await answer(f"mutation {{ {many(1)} }}"))[0] for _ in range(4)]
        assert ends == ["UNAUTHENTICATED"] * 3 + ["RATE_LIMITED"]
        assert codes(await answer(f"mutation {{ {many(6)} }}")) == ["QUERY_TOO_COMPLEX"]
