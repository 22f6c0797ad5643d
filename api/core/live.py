"""The vocabulary of live updates."""

from enum import StrEnum


class Effect(StrEnum):
    """What a change does to the set of items that a filter selects."""

    ENTERED = "entered"
    UPDATED = "updated"
    LEFT = "left"
