"""The `twofold` command."""

import contextlib
import errno
import gc
import json
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from api.cli.accounts import RESET_HELP, reset_two_step_command
from api.cli.files import files_app
from api.cli.jobs import OUTBOX_HELP, WORKER_HELP, jobs_app, outbox_command, worker_command
from api.cli.transfer import EXPORT_HELP, IMPORT_HELP, export_command, import_command
from api.config import Settings, load_settings
from api.core.errors import AppError
from api.kept_secret import SettingsError
from api.server.listening import address_of, listening
from api.server.startup import (
    StartupError,
    create_administrator,
    ensure_administrator,
    prepare_database,
    prepare_store,
    run_with_database,
)
from db import migrate
from db.engine import Database

if TYPE_CHECKING:
    import uvicorn

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Twofold: a backend for team apps with two doors.")
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

app.command("import", help=IMPORT_HELP)(import_command)
app.command("export", help=EXPORT_HELP)(export_command)
app.command("worker", help=WORKER_HELP)(worker_command)
app.command("outbox", help=OUTBOX_HELP)(outbox_command)
app.command("reset-two-step", help=RESET_HELP)(reset_two_step_command)
app.add_typer(jobs_app, name="jobs")
app.add_typer(files_app, name="files")

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

CheckFile = Annotated[Path | None, typer.Option("--check", help="Compare with this file instead of printing.")]


def main() -> None:
    """Run the command; what can go wrong is told in one sentence."""
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except (SettingsError, StartupError, AppError) as error:
        _fail(str(error))
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        # What is still in the buffer must not fail a second time when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        _fail(f"The output cannot be written: {error.strerror}.")


@app.command()
def serve() -> None:
    """Start the server."""
    settings = load_settings()
    with _listening(settings) as sockets:
        run_with_database(settings, _prepare)
        _announce(settings, address_of(settings.host, sockets))
        _run(settings, sockets)


def _run(settings: Settings, sockets: list[socket.socket]) -> None:
    import uvicorn  # noqa: PLC0415 - the other commands need not wait for it
    from uvicorn.supervisors import Multiprocess  # noqa: PLC0415 - as above

    config = server_config(settings)
    with contextlib.suppress(KeyboardInterrupt):
        if config.workers > 1:
            Multiprocess(config, sockets=sockets).run()
        else:
            # While the application is imported and made. Once it has started, it collects what is garbage by then.
            gc.disable()
            server = uvicorn.Server(config)
            server.run(sockets=sockets)
            if not server.started:
                raise SystemExit(1)


def server_config(settings: Settings) -> "uvicorn.Config":
    """Return how the server is run."""
    import uvicorn  # noqa: PLC0415 - as above

    from api.server.http_connections import protocols  # noqa: PLC0415 - as above

    return uvicorn.Config(
        "api.main:create_app",
        factory=True,
        workers=settings.workers,
        log_config=None,
        access_log=False,
        server_header=False,
        **protocols(settings.connection_limits),
        # Each socket would compress for itself what was written once for all of them.
        ws_per_message_deflate=False,
        ws_max_size=settings.body_limit_bytes,
        ws_ping_interval=settings.socket_ping_seconds,
        ws_ping_timeout=settings.socket_ping_seconds,
        timeout_keep_alive=settings.keep_alive_seconds,
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
    await prepare_store(settings)
    first = await ensure_administrator(settings, database)
    if first is not None and first.password is not None:
        err.print("\n[bold]First start.[/] An administrator was made; the password is shown this once:")
        err.print(f"  e-mail    {first.email}\n  password  {first.password}", markup=False, soft_wrap=True)
    elif first is not None:
        err.print(f"\n[bold]First start.[/] The administrator {escape(first.email)} was made.", soft_wrap=True)


def _announce(settings: Settings, base: str) -> None:
    where = settings.data_dir.absolute() if settings.embedded or not settings.secret_key else "not used"
    err.print(f"\n[bold]{escape(settings.app_name)}[/] is starting:", soft_wrap=True)
    pages = [f"  GraphiQL  {base}/graphql"] if settings.graphiql else []
    err.print(*pages, f"  REST      {base}/docs", f"  data      {where}\n", sep="\n", markup=False, soft_wrap=True)


@contextlib.contextmanager
def _listening(settings: Settings) -> Iterator[list[socket.socket]]:
    """Find out early, and without a traceback, that somebody else listens there."""
    with contextlib.ExitStack() as stack:
        try:
            sockets = stack.enter_context(listening(settings.host, settings.port))
        except (OSError, UnicodeError) as error:
            problem = getattr(error, "strerror", None) or "it is no name of a host"
            raise StartupError(
                f"Cannot listen on {settings.host}:{settings.port} ({problem}): stop what uses it, or set HOST or PORT."
            ) from error
        yield sockets


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
