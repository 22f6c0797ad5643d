"""From settings to a database that is ready to serve; every obstacle is one sentence."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from pydantic import SecretStr, ValidationError

from api.config import Settings
from api.core.actor import SYSTEM
from api.core.files.store import FileStore, StoreError
from api.kept_secret import SettingsError
from api.schemas.users import UserCreate
from api.server.logs import configure_logging
from api.services.users import create_user, has_users
from db import migrate
from db.engine import Database
from db.errors import DatabaseDamagedError, DatabaseUnavailableError, DiskFullError
from db.migrate import MigrationError
from db.models import User, UserRole


class StartupError(Exception):
    """Why Twofold cannot start, in one sentence."""


@dataclass(frozen=True)
class FirstAdministrator:
    """The account made at the first start; `password` is None if the settings gave it."""

    email: str
    password: str | None


async def prepare_database(settings: Settings, database: Database) -> None:
    """Migrate the embedded database; look at any other.

    Raises:
        StartupError: it cannot be reached, or lacks migrations.
    """
    try:
        if settings.embedded:
            if not await migrate.is_current(database):
                await migrate.upgrade(database)
        elif not await migrate.is_current(database):
            raise StartupError("The database is not up to date: run `twofold migrate`.")
    except DatabaseUnavailableError as error:
        raise StartupError(unreachable(database, error)) from error


async def prepare_store(settings: Settings) -> FileStore:
    """Return the store of files, in which something could be written and deleted.

    Raises:
        StartupError: it cannot be used.
    """
    store = settings.file_store()
    try:
        await store.check()
    except StoreError as error:
        raise StartupError(
            f"The store of files, {store.where}, cannot be used ({error.cause}): make it usable, or correct "
            f"{'FILES_URL' if settings.files_url else 'DATA_DIR'}."
        ) from error
    return store


def unreachable(database: Database, error: DatabaseUnavailableError) -> str:
    """Return the sentence about a database that does not answer."""
    if isinstance(error, DiskFullError):
        return f"The disk of the database is full ({error}): make room, then try again. Nothing was written."
    where = database.url.render_as_string(hide_password=True)
    if database.is_sqlite:
        return (
            f"The database file {database.url.database} cannot be used ({error}): "
            "check its path, its permissions, and that the disk has room."
        )
    return f"The database at {where} does not answer ({error}): start it, or correct DATABASE_URL."


async def ensure_administrator(settings: Settings, database: Database) -> FirstAdministrator | None:
    """Create the first administrator in a database without users; None if there are some."""
    async with database.read() as uow:
        if await has_users(uow, SYSTEM):
            return None
    given = settings.admin_password
    password = given.get_secret_value() if given else f"{secrets.token_urlsafe(12)}-T2"
    made = await create_administrator(settings, database, settings.admin_email, SecretStr(password))
    return FirstAdministrator(made.email or "", None if given else password)


async def create_administrator(settings: Settings, database: Database, email: str, password: SecretStr) -> User:
    """Create an administrator in the name of the system.

    Raises:
        SettingsError: the e-mail address or the password is not acceptable.
        AppError: the e-mail address is taken.
    """
    try:
        data = UserCreate(
            name="Administrator", email=email, password=password, password_confirm=password, role=UserRole.ADMIN
        )
    except ValidationError as error:
        first = error.errors()[0]
        problem = first["msg"].removeprefix("Value error, ")
        raise SettingsError(f"The administrator's {first['loc'][0]} is not acceptable: {problem}.") from None
    async with database.write() as uow:
        return await create_user(uow, SYSTEM, data, identity=settings.identity())


def run_with_database(settings: Settings, work: Callable[[Settings, Database], Awaitable[None]]) -> None:
    """Run a piece of work with a database that is closed afterwards.

    No request waits for it, so its statements may take as long as a large import needs.
    """
    if settings.debug:
        configure_logging(settings)

    async def with_database() -> None:
        try:
            database = Database(settings.database_address, replace(settings.database_options, statement_timeout=None))
        except OSError as error:
            folder = (
                f"in DATA_DIR, {settings.data_dir}," if settings.embedded else f"in DATABASE_URL, {error.filename},"
            )
            raise StartupError(f"The folder {folder} cannot be used: {error.strerror}.") from error
        try:
            await work(settings, database)
        except DatabaseUnavailableError as error:
            raise StartupError(unreachable(database, error)) from error
        except DatabaseDamagedError as error:
            raise StartupError(
                f"The file {database.url.database} is no database, or a damaged one ({error}): restore a copy of it."
            ) from error
        except MigrationError as error:
            raise StartupError(str(error)) from error
        finally:
            await database.dispose()

    asyncio.run(with_database())
