"""What can go wrong below the services, in few words of our own.

Drivers raise dozens of exceptions; services and doors only ever meet these.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc


class DatabaseError(Exception):
    """Something the database refused."""


class DatabaseUnavailableError(DatabaseError):
    """The database cannot be reached or is too busy. Trying again later may work."""


class StatementTimeoutError(DatabaseUnavailableError):
    """A statement took longer than it may, and was ended."""


class DiskFullError(DatabaseUnavailableError):
    """There is no room left where the database lies."""


class TooManyWaitingError(DatabaseError):
    """One caller has so much waiting for its turn that nothing more is let in."""

    def __init__(self, most: int) -> None:
        super().__init__(f"{most} wait already")
        self.most = most


class DatabaseDamagedError(DatabaseError):
    """The file is no database of SQLite's, or parts of it are missing or wrong."""


class NotPermittedError(DatabaseError):
    """The role that Twofold signs in with may not do this."""


class ConstraintViolatedError(DatabaseError):
    """A unique, foreign key or check constraint refused a row: somebody else was faster."""


# SQLSTATE classes that say "not now" (PostgreSQL manual, appendix A): connection exceptions,
# insufficient resources, operator intervention, system error; and lock time-outs, deadlocks
# and serialization failures, which a client may simply try again. Of a server that does not let us
# in, or has no such database, no client can know more than that it is not there for it.
_TRANSIENT_STATES = ("08", "53", "57", "58", "55P03", "40P01", "40001", "28", "3D")
_DAMAGED = ("SQLITE_NOTADB", "SQLITE_CORRUPT")
# Both databases end a statement that takes too long by "cancelling" or "interrupting" it.
_TIMED_OUT = {"57014", "SQLITE_INTERRUPT"}
_DISK_FULL = {"53100", "SQLITE_FULL"}
_NOT_PERMITTED = {"42501"}


@contextmanager
def translate_errors() -> Iterator[None]:
    """Turn driver and pool exceptions raised in the block into those of this module."""
    try:
        yield
    except exc.IntegrityError as error:
        raise ConstraintViolatedError(str(error.orig)) from error
    except exc.DBAPIError as error:
        kind = _kind_of(error)
        if kind is None:
            raise
        raise kind(str(error.orig)) from error
    except (exc.TimeoutError, OSError) as error:
        raise DatabaseUnavailableError(getattr(error, "strerror", None) or str(error)) from error


def _kind_of(error: exc.DBAPIError) -> type[DatabaseError] | None:
    """Return what the failure is called here; None for what is a mistake of ours."""
    state = str(getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", ""))
    if state.startswith(_DAMAGED):
        return DatabaseDamagedError
    if state in _TIMED_OUT:
        return StatementTimeoutError
    if state in _DISK_FULL:
        return DiskFullError
    if state in _NOT_PERMITTED:
        return NotPermittedError
    return DatabaseUnavailableError if _is_transient(error) else None


def _is_transient(error: exc.DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return str(state).startswith(_TRANSIENT_STATES)
    return error.connection_invalidated or isinstance(error, exc.OperationalError | exc.InterfaceError)
