"""Fixtures: a database of each kind, the application on it, and its two doors."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from api.config import Settings
from api.main import create_app
from db.engine import Database
from tests import databases
from tests.compiled import compile_once
from tests.doors.door import Door, GraphQLDoor, RestDoor
from tests.doors.erasing import Promises
from tests.doors.people import World, make_world
from tests.live import LiveServer, serve

SECRET = "a secret that signs the tokens of the tests"

compile_once()


@pytest.fixture(scope="session")
def worker() -> str:
    """A name that no other test process has, in this run or another one."""
    return f"{os.getpid()}_{uuid4().hex[:8]}"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    return tmp_path_factory.mktemp("template") / "template.db"


@pytest.fixture(scope="session")
def postgresql_database(worker: str) -> Iterator[str]:
    """The address of this process's own PostgreSQL database."""
    databases.require_postgresql()
    with databases.postgresql_address(worker) as address:
        yield address


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    """The address of an empty, migrated SQLite database."""
    return databases.sqlite_address(tmp_path, sqlite_template)


@pytest.fixture
def postgresql_url(postgresql_database: str) -> str:
    """The address of an empty, migrated PostgreSQL database."""
    asyncio.run(databases.empty(postgresql_database))
    return postgresql_database


@pytest.fixture(params=databases.KINDS)
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of an empty, migrated database of each kind."""
    address: str = request.getfixturevalue(f"{request.param}_url")
    return address


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The database itself, for tests below the services."""
    database = Database(database_url)
    yield database
    await database.dispose()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings for tests: cheap passwords, a fixed secret."""
    return make_settings(database_url, tmp_path)


def make_settings(database_url: str, folder: Path, **changes: Any) -> Settings:
    """Return settings for tests with some of them changed."""
    values: dict[str, Any] = {
        "database_url": database_url,
        "data_dir": folder,
        "secret_key": SECRET,
        "password_memory_kib": 32,
        "rate_limits": False,
        "database_pool_size": 5,
        "log_format": "json",
        # A process has one worker at a time; the tests of jobs start it where they need it.
        "jobs": "workers",
    }
    return Settings(_env_file=None, **{**values, **changes})


AppFactory = Callable[..., Any]


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[FastAPI]:
    """Run an application's lifespan around a block."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    """The application."""
    async with running(settings) as app:
        yield app


@pytest.fixture
async def make_app(database_url: str, tmp_path: Path) -> AsyncIterator[AppFactory]:
    """A function that starts the application with other settings, such as `registration="closed"`."""
    async with AsyncExitStack() as stack:

        async def make(**changes: Any) -> FastAPI:
            return await stack.enter_async_context(running(make_settings(database_url, tmp_path, **changes)))

        yield make


def client_of(app: FastAPI) -> httpx.AsyncClient:
    """Return a client of the application, without a network between."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://twofold.test")


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application."""
    async with client_of(app) as client:
        yield client


@pytest.fixture
def rest(app: FastAPI, client: httpx.AsyncClient) -> Door:
    """The REST door."""
    return RestDoor(app, client)


@pytest.fixture
def graphql(app: FastAPI, client: httpx.AsyncClient) -> Door:
    """The GraphQL door."""
    return GraphQLDoor(app, client)


@pytest.fixture(params=["rest", "graphql"])
def door(request: pytest.FixtureRequest, client: httpx.AsyncClient) -> Door:
    """Each door in turn, on each database: the client is named so that its parameters count."""
    door: Door = request.getfixturevalue(request.param)
    return door


@pytest.fixture
async def world(app: FastAPI) -> World:
    """People in all roles around one workspace."""
    return await make_world(app)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def live_server(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LiveServer]:
    """A server process on SQLite, for all tests of this process that only add to what is there."""
    folder = tmp_path_factory.mktemp("live")
    address = await asyncio.to_thread(databases.sqlite_address, folder, sqlite_template)
    async with serve(address, folder) as server:
        yield server


@pytest.fixture
def promises(monkeypatch: pytest.MonkeyPatch) -> Promises:
    """What was promised about bytes."""
    promises = Promises()
    monkeypatch.setattr("api.services.attachments.enqueue", promises.note)
    return promises
