"""A workspace's log, as the scenarios compare it."""

from typing import Any
from uuid import UUID

from tests.doors.door import Door

Change = dict[str, Any]


async def changes_after(door: Door, token: str, workspace: UUID | str, seq: int) -> list[Change]:
    """Return the entries after a number; they must follow it without a gap."""
    found = await door.call("list_changes", token=token, id=str(workspace), after=seq, limit=100)
    log: list[Change] = found["data"]
    assert [change["seq"] for change in log] == list(range(seq + 1, seq + 1 + len(log)))
    assert (found["seq"], found["has_more"]) == (seq + len(log), False)
    assert {change["workspace_id"] for change in log} <= {str(workspace)}
    return log


def kinds(log: list[Change]) -> list[tuple[str, str, str, int]]:
    """Return what happened, to what, and its version after."""
    return [(change["kind"], change["entity"], change["entity_id"], change["version"]) for change in log]


def told_of(member: dict[str, Any]) -> dict[str, Any]:
    """Return how the log tells of a member."""
    return {key: value for key, value in member.items() if key != "user"} | {"name": member["user"]["name"]}
