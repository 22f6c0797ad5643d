"""What stands in an `ID`: a UUID, or for members and changes, which have none, the key that tells them apart."""

import re
from typing import NamedTuple
from uuid import UUID

_UUID = r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
_MEMBER = re.compile(f"member:{_UUID}:{_UUID}")
# The digits of 2^53, beyond which no change has a number.
_CHANGE = re.compile(rf"change:{_UUID}:([1-9]\d{{0,15}})", re.ASCII)


class MemberKey(NamedTuple):
    """Which member is meant."""

    workspace_id: UUID
    user_id: UUID

    def __str__(self) -> str:
        """Return the id."""
        return f"member:{self.workspace_id}:{self.user_id}"


class ChangeKey(NamedTuple):
    """Which entry of which log is meant."""

    workspace_id: UUID
    seq: int

    def __str__(self) -> str:
        """Return the id."""
        return f"change:{self.workspace_id}:{self.seq}"


NodeKey = UUID | MemberKey | ChangeKey


def parse_key(text: str) -> MemberKey | ChangeKey | None:
    """Return the key that an id is made of; None if it is not made of one."""
    if member := _MEMBER.fullmatch(text):
        return MemberKey(UUID(member[1]), UUID(member[2]))
    if change := _CHANGE.fullmatch(text):
        return ChangeKey(UUID(change[1]), int(change[2]))
    return None
