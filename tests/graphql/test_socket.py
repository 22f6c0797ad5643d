"""The socket: graphql-transport-ws alone, with who asks in the connection's parameters."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from gql import Client, gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.websockets import WebsocketsTransport
from uvicorn.protocols.utils import ClientDisconnected
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from api.server.socket_connections import SocketProtocol
from tests.live import NO_CERTIFICATES, LiveServer

ME = "{ me { email } }"


async def sign_in(server: LiveServer) -> str:
    async with httpx.AsyncClient(verify=NO_CERTIFICATES, base_url=server.url) as client:
        answer = await client.post(
            "/api/auth/login", json={"email": server.admin_email, "password": server.admin_password}
        )
    return f"Bearer {answer.json()['access_token']}"


def address(server: LiveServer) -> str:
    return server.url.replace("http", "ws") + "/graphql"


@asynccontextmanager
async def socket(
    server: LiveServer, protocol: str = "graphql-transport-ws", **options: Any
) -> AsyncIterator[ClientConnection]:
    async with connect(address(server), subprotocols=[Subprotocol(protocol)], proxy=None, **options) as connection:
        yield connection


async def exchange(connection: ClientConnection, **message: Any) -> Any:
    await connection.send(json.dumps(message))
    return json.loads(await connection.recv())


async def run(connection: ClientConnection, query: str, number: str = "1") -> Any:
    answer = await exchange(connection, id=number, type="subscribe", payload={"query": query})
    assert (answer["type"], answer["id"]) == ("next", number)
    assert json.loads(await connection.recv()) == {"id": number, "type": "complete"}
    return answer["payload"]


async def test_the_socket_speaks_for_whom_its_parameters_name(live_server: LiveServer) -> None:
    server = live_server
    token = await sign_in(server)
    transport = WebsocketsTransport(url=address(server), init_payload={"Authorization": token})
    async with Client(transport=transport) as session:
        assert await session.execute(gql(ME)) == {"me": {"email": server.admin_email}}
        with pytest.raises(TransportQueryError) as caught:
            await session.execute(gql('{ item(id: "00000000-0000-0000-0000-000000000000") { id } }'))
        assert caught.value.errors is not None
        assert caught.value.errors[0]["extensions"]["code"] == "NOT_FOUND"

    async with socket(server) as connection:
        assert await exchange(connection, type="connection_init", payload={"authorization": token}) == {
            "type": "connection_ack"
        }
        for number in ("1", "2"):
            assert await run(connection, ME, number) == {"data": {"me": {"email": server.admin_email}}}
        assert await exchange(connection, type="ping") == {"type": "pong"}

    for parameters, message in (({}, "Sign in first"), ({"Authorization": "Bearer x"}, ""), ({"Authorization": 1}, "")):
        async with socket(server) as connection:
            await exchange(connection, type="connection_init", payload=parameters)
            refusal = await exchange(connection, id="1", type="subscribe", payload={"query": ME})
            (error,) = refusal["payload"]
            assert refusal["type"] == "error"
            assert (error["extensions"]["code"], message in error["message"]) == ("UNAUTHENTICATED", True)


async def test_other_protocols_and_foreign_pages_are_refused(live_server: LiveServer) -> None:
    server = live_server
    for options in ({"protocol": "graphql-ws"}, {"origin": "https://elsewhere.test"}):
        # Refused in the handshake, or closed before anything is answered.
        with pytest.raises((InvalidHandshake, ConnectionClosed)):
            async with socket(server, **options) as connection:
                await exchange(connection, type="connection_init", payload={})

    async with socket(server) as connection:
        # Without `connection_init` nothing runs.
        with pytest.raises(ConnectionClosed) as caught:
            await exchange(connection, id="1", type="subscribe", payload={"query": ME})
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 4401

    async with socket(server) as connection:
        await exchange(connection, type="connection_init", payload={"Authorization": await sign_in(server)})
        deep = "{ workspaces(first: 100) { nodes { items(first: 100) { nodes { id } } } } }"
        refusal = await exchange(connection, id="1", type="subscribe", payload={"query": deep})
        (error,) = refusal["payload"]
        assert (refusal["type"], refusal["id"]) == ("error", "1")
        assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"
        assert error["extensions"]["details"] == {"limit": "cost", "maximum": 20_000, "actual": 20_201}


async def test_an_answer_to_who_was_closed_meanwhile_is_no_mistake_of_the_application() -> None:
    """The moment between the end of a connection and the news of it is too short to be met from outside."""
    connection = SocketProtocol.__new__(SocketProtocol)
    connection.writable = asyncio.Event()
    connection.writable.set()
    connection.close_sent = True
    for message in ({"type": "websocket.send", "text": "{}"}, {"type": "websocket.close", "code": 4400}):
        with pytest.raises(ClientDisconnected):
            await connection.send(message)

    # As well if that happens while it waits for a client that is slow to take what there is.
    connection.close_sent = False
    connection.writable.clear()
    sending = asyncio.create_task(connection.send({"type": "websocket.send", "text": "{}"}))
    await asyncio.sleep(0)
    connection.close_sent = True
    connection.writable.set()
    with pytest.raises(ClientDisconnected):
        await sending


async def test_each_operation_of_a_socket_has_its_own_key(live_server: LiveServer) -> None:
    mutation = 'mutation { createWorkspace(input: {name: "Once"}) { id } }'

    def subscribe(number: str, key: str | None) -> str:
        extensions = {"idempotencyKey": key}
        return json.dumps({"id": number, "type": "subscribe", "payload": {"query": mutation, "extensions": extensions}})

    async with socket(live_server) as connection:
        token = await sign_in(live_server)
        await exchange(connection, type="connection_init", payload={"Authorization": token})
        keys = {"1": "a", "2": "b", "3": "a", "4": None, "5": "x" * 256}
        for number, key in keys.items():
            await connection.send(subscribe(number, key))
        made: dict[str, str] = {}
        refused = None
        while len(made) < 4 or refused is None:
            message = json.loads(await connection.recv())
            if message["type"] == "next":
                made[message["id"]] = message["payload"]["data"]["createWorkspace"]["id"]
            elif message["type"] == "error":
                refused = message

    assert made["1"] == made["3"]
    assert len(set(made.values())) == 3
    assert refused["id"] == "5"
    assert refused["payload"][0]["extensions"]["code"] == "VALIDATION_ERROR"
