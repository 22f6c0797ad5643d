"""The error catalogue. Whatever goes wrong, a client sees one of these codes, at every door."""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from itertools import islice
from typing import Any

from pydantic import ValidationError

from db.errors import (
    ConstraintViolatedError,
    DatabaseUnavailableError,
    DiskFullError,
    StatementTimeoutError,
    TooManyWaitingError,
)


class ErrorCode(StrEnum):
    """The codes a client can rely on."""

    BAD_REQUEST = "BAD_REQUEST"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    SECOND_STEP_NEEDED = "SECOND_STEP_NEEDED"
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    NOT_ACCEPTABLE = "NOT_ACCEPTABLE"
    CONFLICT = "CONFLICT"
    CURSOR_EXPIRED = "CURSOR_EXPIRED"
    PRECONDITION_FAILED = "PRECONDITION_FAILED"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    RANGE_NOT_SATISFIABLE = "RANGE_NOT_SATISFIABLE"
    VALIDATION_ERROR = "VALIDATION_ERROR"
    CHECKSUM_MISMATCH = "CHECKSUM_MISMATCH"
    RATE_LIMITED = "RATE_LIMITED"
    QUERY_TOO_COMPLEX = "QUERY_TOO_COMPLEX"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    UNAVAILABLE = "UNAVAILABLE"


STATUS: Mapping[ErrorCode, int] = {
    ErrorCode.BAD_REQUEST: 400,
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.SECOND_STEP_NEEDED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.METHOD_NOT_ALLOWED: 405,
    ErrorCode.NOT_ACCEPTABLE: 406,
    ErrorCode.CONFLICT: 409,
    ErrorCode.CURSOR_EXPIRED: 410,
    ErrorCode.PRECONDITION_FAILED: 412,
    ErrorCode.PAYLOAD_TOO_LARGE: 413,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: 415,
    ErrorCode.RANGE_NOT_SATISFIABLE: 416,
    ErrorCode.VALIDATION_ERROR: 422,
    ErrorCode.CHECKSUM_MISMATCH: 460,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.QUERY_TOO_COMPLEX: 400,
    ErrorCode.INTERNAL_ERROR: 500,
    ErrorCode.UNAVAILABLE: 503,
}
"""The HTTP status of each code (RFC 9110, section 15; 429 from RFC 6585, and 460 from tus 1.0)."""


class AppError(Exception):
    """An error that a client may see: its code, a message that is safe to show, and details."""

    def __init__(self, code: ErrorCode, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details: dict[str, Any] = details

    @property
    def status(self) -> int:
        """The HTTP status."""
        return STATUS[self.code]


def unauthenticated(message: str = "Sign in first: this needs an access token.") -> AppError:
    """Return the error for a caller without a valid identity."""
    return AppError(ErrorCode.UNAUTHENTICATED, message)


def second_step_needed(challenge: str, expires_in: int, *, first: str = "The password is right.") -> AppError:
    """Return the error for a first step, such as a right password, that is not enough.

    It is an error, and no other kind of answer, so that what `login` answers stays what it was: a client that knows
    nothing of second steps shows the sentence, and none takes a session for granted that there is not.
    """
    return AppError(
        ErrorCode.SECOND_STEP_NEEDED,
        f"{first} Now enter the code of your authenticator app, or a recovery code.",
        challenge=challenge,
        expires_in=expires_in,
    )


def forbidden(message: str) -> AppError:
    """Return the error for something the caller sees but may not do."""
    return AppError(ErrorCode.FORBIDDEN, message)


def not_found(what: str) -> AppError:
    """Return the error for something that is not there, or not there for this caller."""
    return AppError(ErrorCode.NOT_FOUND, f"There is no such {what}.")


def conflict(message: str, **details: Any) -> AppError:
    """Return the error for a request that contradicts the present state."""
    return AppError(ErrorCode.CONFLICT, message, **details)


MAX_FINDINGS = 100
"""What a `VALIDATION_ERROR` names at most: enough to mend anything that people write."""

MAX_PATH = 200
MAX_FINDING = 300
"""Characters of a finding: it may quote what was sent, but not all of it."""


def invalid(fields: Iterable[tuple[str, str]]) -> AppError:
    """Return the error for invalid input: pairs of a path such as `tags.0` and what is wrong there.

    It names the first hundred, and looks at no more.
    """
    found = list(islice(fields, MAX_FINDINGS + 1))
    details: dict[str, Any] = {
        "fields": [
            {"path": _cut(path, MAX_PATH), "message": _cut(message, MAX_FINDING)}
            for path, message in found[:MAX_FINDINGS]
        ]
    }
    if len(found) <= MAX_FINDINGS:
        return AppError(ErrorCode.VALIDATION_ERROR, "Some fields are not valid.", **details)
    message = f"Many fields are not valid; the first {MAX_FINDINGS} are named."
    return AppError(ErrorCode.VALIDATION_ERROR, message, **details, more=True)


def _cut(text: str, most: int) -> str:
    # It may quote what the client made up, and that cannot be written as it came.
    text = text[: most + 1].encode(errors="backslashreplace").decode()
    return text if len(text) <= most else f"{text[: most - 1]}…"


def answer_too_large(most: int, **details: Any) -> AppError:
    """Return the refusal of an answer that exceeds its budget of bytes."""
    return AppError(
        ErrorCode.QUERY_TOO_COMPLEX,
        f"The answer has more than {most} bytes. Ask for fewer things or fewer fields at once.",
        limit="bytes",
        maximum=most,
        **details,
    )


def rate_limited(retry_after: int) -> AppError:
    """Return the error for something that was tried too often; `retry_after` is in seconds."""
    message = f"Too many attempts. Try again in {retry_after} second{'' if retry_after == 1 else 's'}."
    return AppError(ErrorCode.RATE_LIMITED, message, retry_after=retry_after)


def version_mismatch(expected: int | frozenset[int], current: int) -> AppError:
    """Return the error for an edit of a version that is no longer the current one."""
    return AppError(
        ErrorCode.PRECONDITION_FAILED,
        "It was changed in the meantime. Read it again and repeat the change.",
        expected_version=sorted(expected) if isinstance(expected, frozenset) else expected,
        current_version=current,
    )


INTERNAL = AppError(ErrorCode.INTERNAL_ERROR, "Something went wrong on the server. It has been logged.")


_UNAVAILABLE: Mapping[type[DatabaseUnavailableError], str] = {
    DatabaseUnavailableError: "The database does not answer. Try again in a moment.",
    # Nobody can tell whether too much was asked for or the database is slow just now.
    StatementTimeoutError: "The database did not finish this in time. Ask for less, or try again in a moment.",
    DiskFullError: "The disk of the database is full. Nothing was written.",
}


def to_app_error(error: BaseException) -> AppError | None:
    """Return the catalogue's word for an exception, or None if there is none but `INTERNAL_ERROR`."""
    match error:
        case AppError():
            return error
        case ValidationError():
            return from_pydantic(error.errors(include_url=False, include_context=False, include_input=False))
        case ConstraintViolatedError():
            return conflict("The request conflicts with another one made at the same moment.")
        case TooManyWaitingError():
            sentence = f"You ask for too much at once: {error.most} requests of yours wait for the database already."
            return AppError(ErrorCode.RATE_LIMITED, sentence, most=error.most)
        case DatabaseUnavailableError():
            return AppError(ErrorCode.UNAVAILABLE, _UNAVAILABLE[type(error)])
        case _:
            return None


def from_pydantic(errors: Iterable[Mapping[str, Any]], *, skip: int = 0) -> AppError:
    """Return Pydantic's findings as a `VALIDATION_ERROR`; `skip` leaves out the first parts of each path."""
    return invalid((".".join(str(part) for part in error["loc"][skip:]), _sentence(error["msg"])) for error in errors)


# Of a secret, Pydantic counts the "items" of a "value".
_LENGTH = re.compile(r"(?:String|Value) should have at (least|most) ([0-9]+) (?:character|item)s?(?: after .*)?")


def _sentence(message: str) -> str:
    """Return a finding of Pydantic in words for people."""
    found = _LENGTH.fullmatch(message)
    if found is None:
        return message.removeprefix("Value error, ")
    return f"It must have at {found[1]} {found[2]} character{'' if found[2] == '1' else 's'}"
