"""Text that cannot be written as UTF-8 and numbers that are none: refused where they enter, at both doors."""

import json
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.conftest import AppFactory, client_of
from tests.doors.people import World, make_person
from tests.errors.captured_log import captured_log

HALF = "\ud800"
ESCAPED = r"\ud800"
JSON = {"Content-Type": "application/json"}


async def send(client: httpx.AsyncClient, path: str, body: str, token: str | None = None, method: str = "POST") -> Any:
    headers = {**JSON, **({"Authorization": f"Bearer {token}"} if token else {})}
    return await client.request(method, path, content=body, headers=headers)


def paths(error: dict[str, Any]) -> list[str]:
    return [field["path"] for field in error["details"]["fields"]]


SECRETS = [
    ("login", "/api/auth/login", "POST", '{"email": "a@example.com", "password": "%s"}'),
    (
        "createUser",
        "/api/users",
        "POST",
        '{"name": "A", "email": "a@b.example", "password": "%s", "password_confirm": "Aaaaaaaa1"}',
    ),
    ("updateMe", "/api/users/me", "PATCH", '{"name": "A", "current_password": "%s"}'),
]


@pytest.mark.parametrize(("field", "path", "method", "body"), SECRETS, ids=[secret[0] for secret in SECRETS])
async def test_half_a_surrogate_pair_is_no_secret(
    client: httpx.AsyncClient, world: World, field: str, path: str, method: str, body: str
) -> None:
    rest = await send(client, path, body % f"Aaaaaaa1{ESCAPED}", world.editor.token, method)
    assert (rest.status_code, rest.json()["error"]["code"]) == (422, "VALIDATION_ERROR")
    kind = field[0].upper() + field[1:] if field != "updateMe" else "MeUpdate"
    kind = {"CreateUser": "UserCreate"}.get(kind, kind)
    variables = body.replace("password_confirm", "passwordConfirm").replace("current_password", "currentPassword")
    query = f"mutation($input: {kind}!) {{ {field}(input: $input) {{ __typename }} }}"
    text = f'{{"query": "{query}", "variables": {{"input": {variables % ("Aaaaaaa1" + ESCAPED)}}}}}'
    graphql = (await send(client, "/graphql", text, world.editor.token)).json()
    [error] = graphql["errors"]
    assert error["extensions"]["code"] == "VALIDATION_ERROR"
    assert paths(error["extensions"]) == paths(rest.json()["error"])


async def test_half_a_surrogate_pair_is_refused_in_every_other_place(
    app: FastAPI, client: httpx.AsyncClient, world: World
) -> None:
    token = world.editor.token
    after = "query($a: String) { items(after: $a) { nodes { id } } }"
    renew = "mutation($t: String!) { renewStream(token: $t) { expiresAt } }"
    create = "mutation($i: ItemCreate!) { createItem(input: $i) { id } }"
    bodies: list[tuple[str, Any]] = [
        ("/graphql", {"query": f'{{ items(after: "{HALF}") {{ nodes {{ id }} }} }}'}),
        ("/graphql", {"query": "query a { __typename }", "operationName": HALF}),
        ("/graphql", {"query": after, "variables": {"a": HALF}}),
        ("/graphql", {"query": renew, "variables": {"t": HALF}}),
        ("/graphql", {"query": "query($i: UUID!) { item(id: $i) { id } }", "variables": {"i": HALF}}),
        ("/graphql", {"query": create, "variables": {"i": {"title": "a", HALF: 1}}}),
        ("/graphql", {"query": create, "variables": {"i": {"title": "a", "fields": {HALF: 1}}}}),
        ("/api/items", {"title": "a", HALF: 1}),
        ("/api/items", {"title": "a", "fields": {HALF: 1}}),
        ("/api/auth/login", {"email": HALF, "password": "x"}),
    ]
    for body, path in ((bodies[2][1], "after"), (bodies[5][1], ESCAPED)):
        [refusal] = (await send(client, "/graphql", json.dumps(body), token)).json()["errors"]
        assert (refusal["extensions"]["code"], paths(refusal["extensions"])) == ("VALIDATION_ERROR", [path])
    requests = [("POST", path, json.dumps(body)) for path, body in bodies]
    addresses = ("?text=%ED%A0%80", "?cursor=%FF", "?%ED%A0%80=1", "/%ED%A0%80")
    requests += [("GET", f"/api/items{address}", "") for address in addresses]
    with captured_log() as log:
        for method, path, body in requests:
            response = await send(client, path, body, token, method)
            answer = response.json()
            code = (answer.get("error") or answer["errors"][0]["extensions"])["code"]
            assert code in {"BAD_REQUEST", "VALIDATION_ERROR"}, (path, body)
            assert response.status_code in ({200, 400} if path == "/graphql" else {400, 422})
        for name, value in (("If-Match", "\xff"), ("Authorization", "Bearer \xff.\xff"), ("X-Request-ID", "\xff")):
            bearer = {"Authorization": f"Bearer {token}"}
            headers = [(key.encode(), text.encode("latin-1")) for key, text in {**bearer, name: value}.items()]
            answer = await client.patch(f"/api/items/{world.workspace}", json={"title": "a"}, headers=headers)
            assert answer.status_code in {400, 401, 404}
        assert [line for line in log.lines if line["level"] == "error"] == []


NUMBERS = ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400, "-" + "9" * 4000]


@pytest.mark.parametrize("number", NUMBERS, ids=[number[:9] for number in NUMBERS])
async def test_numbers_beyond_a_double_are_refused_in_bodies_and_variables(
    client: httpx.AsyncClient, world: World, number: str
) -> None:
    token = world.editor.token
    query = "mutation($i: ItemCreate!) { createItem(input: $i) { id } }"
    for name, value in (("fields", f'{{"a": [{number}]}}'), ("priority", number)):
        data = f'{{"title": "a", "{name}": {value}}}'
        rest = await send(client, "/api/items", data, token)
        graphql = await send(client, "/graphql", f'{{"query": "{query}", "variables": {{"i": {data}}}}}', token)
        [refusal] = graphql.json()["errors"]
        for error in (rest.json()["error"], refusal["extensions"]):
            assert (error["code"], paths(error)) == ("VALIDATION_ERROR", [name])
    first = f'{{"query": "query($n: Int) {{ items(first: $n) {{ nodes {{ id }} }} }}", "variables": {{"n": {number}}}}}'
    [refusal] = (await send(client, "/graphql", first, token)).json()["errors"]
    assert (refusal["extensions"]["code"], paths(refusal["extensions"])) == ("VALIDATION_ERROR", ["first"])


@pytest.mark.parametrize(
    ("number", "code"),
    [("1e999", "BAD_REQUEST"), ("-1.5e400", "BAD_REQUEST"), ("9" * 400, "QUERY_TOO_COMPLEX")],
    ids=["1e999", "-1.5e400", "400 digits"],
)
async def test_numbers_beyond_a_double_are_refused_in_documents(
    client: httpx.AsyncClient, number: str, code: str
) -> None:
    for query in (
        f"{{ items(first: {number}) {{ nodes {{ id }} }} }}",
        f"query($n: Int = {number}) {{ items(first: $n) {{ nodes {{ id }} }} }}",
        f'mutation {{ createItem(input: {{title: "a", fields: {{a: {number}}}}}) {{ id }} }}',
        f'{{ changes(workspaceId: "00000000-0000-0000-0000-000000000000", after: {number}) {{ seq }} }}',
    ):
        [error] = (await client.post("/graphql", json={"query": query})).json()["errors"]
        assert error["extensions"]["code"] == code


async def test_json_literals_take_their_variables_as_they_were_sent(client: httpx.AsyncClient, world: World) -> None:
    query = """mutation($n: Int, $id: UUID, $at: DateTime, $s: ItemStatus = DONE, $more: JSON) {
      createItem(input: {title: "Rake", fields: {bed: $n, list: [$n, 1], at: $at, id: $id, status: $s, more: $more}}) {
        fields
      }
    }"""
    sent = {"id": str(world.workspace), "at": "2026-01-31T08:30:00+01:00", "more": {"a": [1.5, None, True]}}
    answer = await client.post(
        "/graphql",
        json={"query": query, "variables": sent},
        headers={"Authorization": f"Bearer {world.editor.token}"},
    )
    assert answer.json() == {"data": {"createItem": {"fields": {**sent, "list": [None, 1], "status": "DONE"}}}}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_nothing_is_suggested_where_the_schema_is_hidden(make_app: AppFactory) -> None:
    guesses: list[dict[str, Any]] = [
        {"query": "{ itms { nodes { id } } }"},
        {"query": "{ items(frst: 1) { nodes { id } } }"},
        {"query": "{ items { nodes { titl } } }"},
        {"query": "{ me }"},
        {"query": "query($a: ItemSor) { me { id } }"},
        {"query": "{ items(sort: TITLE_AS) { nodes { id } } }"},
        {"query": 'mutation { createItem(input: {titel: "a", title: "b"}) { id } }'},
    ]
    token = ""
    for hidden in (True, False):
        app = await make_app(graphql_introspection=not hidden)
        token = token or (await make_person(app, "guesser")).token
        async with client_of(app) as client:
            client.headers["Authorization"] = f"Bearer {token}"
            told = [(await client.post("/graphql", json=guess)).text for guess in guesses]
        assert ["Did you mean" in text for text in told] == [not hidden] * len(guesses)
        assert all('"errors"' in text for text in told)


UNREADABLE = ["NaN", "-Infinity", "1e999", "9" * 4000, f'"{ESCAPED}"', f'{{"{ESCAPED}": 1}}']


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json", "text/event-stream"])
@pytest.mark.parametrize("value", UNREADABLE, ids=[value[:9] for value in UNREADABLE])
async def test_what_a_socket_cannot_read_no_other_transport_does(
    client: httpx.AsyncClient, world: World, value: str, accept: str
) -> None:
    headers = {**JSON, "Authorization": f"Bearer {world.editor.token}", "Accept": accept}
    for place in ('"variables": {"unused": %s}', '"extensions": {"a": %s}', '"unknown": %s'):
        body = f'{{"query": "{{ me {{ id }} }}", {place % value}}}'
        answer = (await client.post("/graphql", content=body, headers=headers)).text
        assert "BAD_REQUEST" in answer
        assert str(world.editor.id) not in answer
