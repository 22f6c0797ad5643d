"""Whose rows a query may see. Trust is spelled out, it is never a missing value."""

from enum import Enum
from typing import Final
from uuid import UUID


class Trust(Enum):
    """Holds the one value that lifts the row filter."""

    EVERYTHING = "everything"


EVERYTHING: Final = Trust.EVERYTHING

Scope = UUID | Trust
"""The id of the user whose memberships decide, or `EVERYTHING` for the system itself."""
