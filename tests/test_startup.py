"""Starting up: what it prints, what it makes, and one sentence for everything that can be wrong."""

import asyncio
import contextlib
import gc
import json
import os
import re
import socket
import subprocess
import sys
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import make_url

from api.server.startup import unreachable
from db.engine import Database
from db.errors import DiskFullError
from tests.conftest import make_settings, running
from tests.databases import POSTGRESQL, postgresql_address, require_postgresql, run_sql
from tests.live import STARTS_WITHIN_SECONDS, free_port, serve
from tests.transfer import command
from tests.transfer.command import Ended

TWOFOLD = str(Path(sys.executable).with_name("twofold"))


async def twofold(folder: Path, *arguments: str, **settings: str) -> Ended:
    """Run the command in this process, which has loaded it: a process of its own takes a second each."""
    environment: dict[str, Any] = {
        "DATA_DIR": str(folder / "data"),
        "PASSWORD_MEMORY_KIB": "32",
        "PORT": str(free_port()),
        **settings,
    }
    with contextlib.chdir(folder):
        return await command.twofold(*arguments, **environment)


def twofold_process(folder: Path, *arguments: str, **settings: str) -> Ended:
    """Run the command as a shell does."""
    environment = {"PATH": os.environ["PATH"], "DATA_DIR": str(folder / "data"), **settings}
    ended = subprocess.run(
        [TWOFOLD, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


@asynccontextmanager
async def started(folder: Path, **settings: str) -> AsyncIterator[Path]:
    """Run `twofold serve` until it says that it has started, and give its standard error."""
    log = folder / "server.log"
    environment = {
        "PATH": os.environ["PATH"],
        "DATA_DIR": str(folder / "data"),
        "PASSWORD_MEMORY_KIB": "32",
        **settings,
    }
    with log.open("wb") as err, log.with_suffix(".out").open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            TWOFOLD, "serve", cwd=folder, env=environment, stdout=out, stderr=err
        )
    try:
        async with asyncio.timeout(STARTS_WITHIN_SECONDS):
            while len(re.findall(r"\bstarted\b", log.read_text())) < int(settings.get("WORKERS", "1")):
                assert process.returncode is None, log.read_text()
                await asyncio.sleep(0.02)
        yield log
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), STARTS_WITHIN_SECONDS)


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def refusal(ended: Ended) -> str:
    """Return the one sentence on standard error."""
    assert (ended.code, ended.out) == (1, "")
    lines = ended.err.strip().splitlines()
    assert len(lines) == 1, ended.err
    return lines[0]


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("DATABASE_URL", "mysql://localhost/x", "mysql is not supported, use sqlite:/// or postgresql://"),
        ("PORT", "eighty", "Input should be a valid integer, unable to parse string as an integer"),
        ("WORKERS", "0", "Input should be greater than or equal to 1"),
        ("ADMIN_EMAIL", "nobody", "value is not a valid email address: An email address must have an @-sign"),
        ("SECRET_KEY", "short", "it must have at least 32 characters"),
        ("REGISTRATION", "maybe", "Input should be 'open' or 'closed'"),
        ("ASSETS_URL", "ftp://mirror", "it must begin with http:// or https://"),
        ("CORS_ORIGINS", "https://a.example,b.example", "b.example is no origin such as https://app.example.com"),
        ("CORS_ORIGINS", "https://a.example/", "https://a.example/ is no origin such as https://app.example.com"),
    ],
)
async def test_a_bad_setting_is_named(tmp_path: Path, name: str, value: str, problem: str) -> None:
    assert refusal(await twofold(tmp_path, "serve", **{name: value})) == f"The setting {name} is not valid: {problem}."


@pytest.mark.parametrize("address", ["sqlite:///never_opened.db", "postgresql://postgres@127.0.0.1:1/none"])
def test_a_full_disk_is_called_a_full_disk(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sentence = unreachable(Database(address), DiskFullError("no space"))
    assert sentence == "The disk of the database is full (no space): make room, then try again. Nothing was written."


def test_the_command_loads_nothing_that_only_a_server_needs() -> None:
    program = "import sys, gc, api.cli; print(gc.isenabled(), *sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert loaded[0] == "True"
    slow = {"alembic", "dbos", "fastapi", "psycopg", "redis", "strawberry", "uvicorn"}
    assert slow.isdisjoint(loaded)


async def test_what_has_started_collects_its_garbage(sqlite_url: str, tmp_path: Path) -> None:
    gc.disable()
    try:
        async with running(make_settings(sqlite_url, tmp_path)):
            assert gc.isenabled()
    finally:
        gc.enable()


async def test_an_application_that_has_ended_is_not_kept_for_the_next_one(sqlite_url: str, tmp_path: Path) -> None:
    ended = []
    for _ in range(2):
        # The first one that a process starts stays for good.
        async with running(make_settings(sqlite_url, tmp_path)) as app:
            ended.append(weakref.ref(app))
        del app
        gc.collect()
    assert ended[-1]() is None


def test_settings_come_from_a_file_too(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GRAPHQL_MAX_DEPTH=0\n")
    assert refusal(twofold_process(tmp_path, "serve")).startswith("The setting GRAPHQL_MAX_DEPTH is not valid")


async def test_a_bad_administrator_password_is_refused(tmp_path: Path) -> None:
    sentence = refusal(await twofold(tmp_path, "serve", ADMIN_PASSWORD="weak and small"))
    assert sentence == "The administrator's password is not acceptable: It must contain an upper-case letter."


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        sentence = refusal(twofold_process(tmp_path, "serve", PORT=str(port)))
    assert sentence == (
        f"Cannot listen on 127.0.0.1:{port} (Address already in use): stop what uses it, or set HOST or PORT."
    )


async def test_a_database_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    port = free_port()
    sentence = refusal(await twofold(tmp_path, "serve", DATABASE_URL=f"postgresql://ada:hush@127.0.0.1:{port}/x"))
    assert f"127.0.0.1:{port}/x does not answer" in sentence
    assert sentence.endswith("start it, or correct DATABASE_URL.")
    assert "hush" not in sentence


@pytest.mark.parametrize("name", ["serve", "migrate"])
async def test_a_database_that_does_not_exist_is_named(tmp_path: Path, name: str) -> None:
    require_postgresql()
    address = make_url(POSTGRESQL).set(database="nobody_made_it").render_as_string(hide_password=False)
    sentence = refusal(await twofold(tmp_path, name, DATABASE_URL=address))
    assert 'database "nobody_made_it" does not exist' in sentence
    assert sentence.endswith("start it, or correct DATABASE_URL.")


def test_what_a_role_may_not_make_is_named_and_how_it_may(tmp_path: Path, worker: str) -> None:
    require_postgresql()
    name = f'may "little" {worker}'
    role = '"' + name.replace('"', '""') + '"'
    with postgresql_address(f"{worker}_role", migrated=False) as address:
        own = make_url(address).set(username=name, password="none").render_as_string(hide_password=False)
        asyncio.run(
            run_sql(f"CREATE ROLE {role} LOGIN PASSWORD 'none'; REVOKE CREATE ON SCHEMA public FROM PUBLIC", address)
        )
        try:
            assert refusal(twofold_process(tmp_path, "migrate", DATABASE_URL=own)) == (
                f"The role {role} may not make the schema dbos, which the jobs stand in (permission denied for "
                f"database {make_url(address).database}): let an administrator of the database run "
                f"CREATE SCHEMA dbos AUTHORIZATION {role}, then try again."
            )
            asyncio.run(run_sql(f"CREATE SCHEMA dbos AUTHORIZATION {role}", address))
            assert refusal(twofold_process(tmp_path, "migrate", DATABASE_URL=own)) == (
                f"The role {role} may not make the tables (permission denied for schema public): let an "
                f"administrator of the database run GRANT ALL ON SCHEMA public TO {role}, then try again."
            )
            asyncio.run(run_sql(f"GRANT ALL ON SCHEMA public TO {role}", address))
            assert twofold_process(tmp_path, "migrate", DATABASE_URL=own) == Ended(
                0, "The database is up to date.\n", ""
            )
        finally:
            asyncio.run(run_sql(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}", address))


async def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file in the way")
    sentence = refusal(await twofold(tmp_path, "serve"))
    assert sentence == f"The folder in DATA_DIR, {tmp_path / 'data'}, cannot be used: File exists."


async def test_a_database_without_migrations_is_refused_until_migrated(tmp_path: Path) -> None:
    async def run(*arguments: str) -> Ended:
        return await twofold(tmp_path, *arguments, DATABASE_URL=f"sqlite:///{tmp_path}/own.db")

    assert refusal(await run("serve")) == "The database is not up to date: run `twofold migrate`."
    assert await run("migrate") == Ended(0, "The database is up to date.\n", "")
    created = await run("create-admin", "ada@example.com", "--password", "Analytical1")
    assert created == Ended(0, "ada@example.com is an administrator now.\n", "")
    again = await run("create-admin", "Ada@example.com", "--password", "Analytical1")
    assert refusal(again) == "This e-mail address has an account already."
    assert await run("migrate", "--down", "base") == Ended(0, "The database is back at base.\n", "")


@pytest.mark.parametrize(
    ("host", "announced", "reached"), [("::", "[::]", "[::1]"), ("localhost", "localhost", "127.0.0.1")]
)
async def test_the_address_is_announced_as_it_is_bound(tmp_path: Path, host: str, announced: str, reached: str) -> None:
    if ":" in host and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    async with started(tmp_path, HOST=host, PORT="0") as log:
        port = re.search(re.escape(f"REST      http://{announced}:") + "([0-9]+)/docs", log.read_text())
        assert port is not None
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://{reached}:{port[1]}/health")).status_code == 200


async def test_start_and_stop_are_lines_and_standard_output_stays_free(tmp_path: Path) -> None:
    async with started(tmp_path, PORT="0", WORKERS="2", LOG_FORMAT="json", DEBUG="true") as log:
        pass
    text = log.read_text()
    assert log.with_suffix(".out").read_text() == ""
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    events = {(line["event"], line["process"]) for line in lines if line["logger"] == "twofold"}
    assert sorted(event for event, _ in events) == ["started", "started", "stopped", "stopped"]
    assert len({process for _, process in events}) == 2
    # The statement that makes the first account, told once and as JSON like the rest.
    assert sum("INSERT INTO users" in line["event"] for line in lines) == text.count("INSERT INTO users") == 1


async def test_the_first_start_shows_a_password_once(tmp_path: Path) -> None:
    port = free_port()
    settings = {"ADMIN_EMAIL": "ada@example.com", "ADMIN_PASSWORD": ""}
    async with serve(None, tmp_path, port=port, **settings) as server:
        output = server.log.read_text()
        assert f"GraphiQL  {server.url}/graphql" in output
        assert f"REST      {server.url}/docs" in output
        assert f"data      {tmp_path / 'data'}" in output
        password = re.search(r"password  (\S+)", output)
        assert password is not None
        assert "ada@example.com" in output
    async with serve(None, tmp_path, port=port, **settings) as server:
        assert server.log.read_text().count("password") == output.count("password")


async def test_the_secret_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    async with serve(None, tmp_path, SECRET_KEY=""):
        path = tmp_path / "data" / "secret_key"
        secret = path.read_text()
        assert path.stat().st_mode & 0o777 == 0o600
    async with serve(None, tmp_path, SECRET_KEY=""):
        assert path.read_text() == secret
    assert len(secret) >= 32
    assert [file.name for file in (tmp_path / "data").glob("secret*")] == ["secret_key"]
