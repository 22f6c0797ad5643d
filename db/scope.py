"""Whose rows a query may see. Trust is spelled out, it is never a missing value."""

from dataclasses import dataclass
from enum import Enum
from typing import Final
from uuid import UUID


class Trust(Enum):
    """Holds the one value that lifts the row filter."""

    EVERYTHING = "everything"


EVERYTHING: Final = Trust.EVERYTHING


@dataclass(frozen=True)
class Within:
    """A user's eyes on one workspace, and on nothing else that the user may see."""

    user_id: UUID
    workspace_id: UUID


Scope = UUID | Within | Trust
"""The id of the user whose memberships decide, in one workspace alone or not; `EVERYTHING` for the system itself."""
