"""The `twofold` command."""

import json
import os
import socket
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from api.config import Settings, SettingsError, load_settings
from api.core.errors import AppError
from api.startup import (
    StartupError,
    create_administrator,
    ensure_administrator,
    prepare_database,
    run_with_database,
)
from api.transfer_cli import EXPORT_HELP, IMPORT_HELP, export_command, import_command
from db import migrate
from db.engine import Database

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Twofold: a backend for team apps with two doors.")
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

app.command("import", help=IMPORT_HELP)(import_command)
app.command("export", help=EXPORT_HELP)(export_command)

CheckFile = Annotated[Path | None, typer.Option("--check", help="Compare with this file instead of printing.")]


def main() -> None:
    """Run the command; what can go wrong is told in one sentence."""
    try:
        app()
    except (SettingsError, StartupError, AppError) as error:
        _fail(str(error))


@app.command()
def serve() -> None:
    """Start the server."""
    settings = load_settings()
    _check_port(settings)
    import uvicorn  # noqa: PLC0415 - the other commands need not wait for it

    from api.connections import RequestProtocol, SocketProtocol  # noqa: PLC0415 - as above

    run_with_database(settings, _prepare)
    _announce(settings)
    uvicorn.run(
        "api.main:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        log_config=None,
        access_log=False,
        server_header=False,
        http=RequestProtocol,
        ws=SocketProtocol,
        # Each socket would compress for itself what was written once for all of them.
        ws_per_message_deflate=False,
        ws_max_size=settings.body_limit_bytes,
        ws_ping_interval=settings.socket_ping_seconds,
        ws_ping_timeout=settings.socket_ping_seconds,
        timeout_graceful_shutdown=5,
    )


@app.command("migrate")
def migrate_command(
    to: Annotated[str, typer.Option(help="A revision, `head` for the newest.")] = "head",
    down: Annotated[str | None, typer.Option(help="Go back to this revision instead, `base` for none.")] = None,
) -> None:
    """Bring the database up to date."""

    async def work(_settings: Settings, database: Database) -> None:
        if down is not None:
            await migrate.downgrade(database, down)
        else:
            await migrate.upgrade(database, to)
        out.print("The database is up to date." if down is None else f"The database is back at {down}.")

    run_with_database(load_settings(), work)


@app.command()
def create_admin(
    email: Annotated[str, typer.Argument(help="The e-mail address.")],
    password: Annotated[
        str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, help="Asked for if not given.")
    ],
) -> None:
    """Create an administrator."""
    from pydantic import SecretStr  # noqa: PLC0415 - typer shows secrets of its own type only

    async def work(settings: Settings, database: Database) -> None:
        await prepare_database(settings, database)
        made = await create_administrator(settings, database, email, SecretStr(password))
        out.print(f"{made.email} is an administrator now.", markup=False)

    run_with_database(load_settings(), work)


@app.command()
def openapi(check: CheckFile = None) -> None:
    """Print the OpenAPI document of the REST door."""
    from api.main import create_app  # noqa: PLC0415 - slow to import

    document = create_app(_neutral_settings()).openapi()
    _print_or_check(json.dumps(document, indent=2, ensure_ascii=False) + "\n", check, "twofold openapi")


@app.command()
def schema(check: CheckFile = None) -> None:
    """Print the schema of the GraphQL door."""
    from graphql_schema.schema import create_schema  # noqa: PLC0415 - slow to import

    _print_or_check(create_schema(_neutral_settings()).as_str() + "\n", check, "twofold schema")


async def _prepare(settings: Settings, database: Database) -> None:
    await prepare_database(settings, database)
    first = await ensure_administrator(settings, database)
    if first is not None and first.password is not None:
        out.print("\n[bold]First start.[/] An administrator was made; the password is shown this once:")
        out.print(f"  e-mail    {first.email}\n  password  {first.password}", markup=False)
    elif first is not None:
        out.print(f"\n[bold]First start.[/] The administrator {first.email} was made.")


def _announce(settings: Settings) -> None:
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104 - compared, not bound
    base = f"http://{host}:{settings.port}"
    where = settings.data_dir.absolute() if settings.embedded or not settings.secret_key else "not used"
    out.print(f"\n[bold]{settings.app_name}[/] is starting:")
    if settings.graphiql:
        out.print(f"  GraphiQL  {base}/graphql")
    out.print(f"  REST      {base}/docs\n  data      {where}\n", soft_wrap=True)


def _check_port(settings: Settings) -> None:
    """Find out early, and without a traceback, that somebody else listens there."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise StartupError(
                f"Cannot listen on {settings.host}:{settings.port} ({os.strerror(error.errno or 0)}): "
                "stop what uses it, or set HOST or PORT."
            ) from error


def _neutral_settings() -> Settings:
    """Return settings whose documents do not depend on the environment."""
    return Settings.model_construct(secret_key=None)


def _print_or_check(text: str, check: Path | None, command: str) -> None:
    if check is None:
        sys.stdout.write(text)
    elif not check.exists() or check.read_text() != text:
        _fail(f"{check} is out of date: run `{command} > {check}` and commit it.")


def _fail(sentence: str) -> NoReturn:
    err.print(sentence, style="red", markup=False, soft_wrap=True)
    raise SystemExit(1)
