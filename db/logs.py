"""The names of logs. There are two kinds: each workspace has one, and each account has one of its own."""

from enum import StrEnum
from typing import NamedTuple
from uuid import UUID


class LogKind(StrEnum):
    """Whose log it is; the value is how wake-ups write it."""

    WORKSPACE = "w"
    ACCOUNT = "a"


class Log(NamedTuple):
    """The kind belongs to the name: whoever makes a workspace may choose its id, somebody's account's among them."""

    kind: LogKind
    id: UUID


class Head(NamedTuple):
    """How far a log goes; entries up to `trimmed_seq` were removed by retention."""

    seq: int
    trimmed_seq: int


def workspace_log(workspace_id: UUID) -> Log:
    """Return the name of a workspace's log."""
    return Log(LogKind.WORKSPACE, workspace_id)


def account_log(user_id: UUID) -> Log:
    """Return the name of an account's own log."""
    return Log(LogKind.ACCOUNT, user_id)
