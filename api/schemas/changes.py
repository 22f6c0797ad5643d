"""The change log."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.schemas.pages import DEFAULT_LIMIT, MAX_LIMIT, Limit
from api.schemas.scalars import AsWhole
from api.schemas.types import (
    MAX_DESCRIPTION,
    MAX_FIELDS_BYTES,
    Input,
    JsonAnswer,
    Letters,
    Moment,
    Output,
    Seq,
    Version,
)
from db.models import ChangeKind, EntityKind, OwnEntityKind

State = JsonAnswer
MAX_STATE = MAX_DESCRIPTION + MAX_FIELDS_BYTES

GivenSeq = Annotated[Seq, AsWhole]
"""A number of the log that a client sends."""

VERSION = (
    "Its version after the change, higher than any before: a deletion raises it, too, "
    "and what comes back under the same id goes on from there."
)


OWN_KIND = "What was done. A workspace is `created` for you when you come in, and `deleted` when it is no longer yours."


class ChangeQuery(Input):
    """Which part of the log is wanted."""

    after: Annotated[GivenSeq, Field(description="The last number you have seen; 0 for all.")] = 0
    limit: Limit = DEFAULT_LIMIT


class ChangeRead(Output):
    """One entry of a workspace's log."""

    workspace_id: Annotated[UUID, Field(description="Whose log.")]
    seq: Annotated[Seq, Field(description="1, 2, 3, … without gaps, in the order of commits.")]
    at: Annotated[Moment, Field(description="When.")]
    actor_id: Annotated[UUID | None, Field(description="Who did it; null is the system.")]
    kind: Annotated[ChangeKind, Field(description="What was done.")]
    entity: Annotated[EntityKind, Field(description="To what.")]
    entity_id: Annotated[UUID, Field(description="Its id; of a member, the user's id.")]
    version: Annotated[Version, Field(description=VERSION)]
    state: Annotated[
        State | None, Letters(MAX_STATE), Field(description="The state after; null when it is gone for good.")
    ]
    changed: Annotated[State, Letters(MAX_STATE), Field(description="The former values of what changed.")]


class OwnChangeRead(Output):
    """One entry of your own log."""

    seq: Annotated[Seq, Field(description="1, 2, 3, … without gaps, in the order of commits.")]
    at: Annotated[Moment, Field(description="When.")]
    actor_id: Annotated[UUID | None, Field(description="Who did it; null is the system.")]
    workspace_id: Annotated[UUID, Field(description="In which workspace, or into which you are asked.")]
    kind: Annotated[ChangeKind, Field(description=OWN_KIND)]
    entity: Annotated[OwnEntityKind, Field(description="To what.")]
    entity_id: Annotated[UUID, Field(description="Its id; of your membership, your own.")]
    state: Annotated[State | None, Letters(MAX_STATE), Field(description="The state after; null when it is gone.")]
    changed: Annotated[State, Letters(MAX_STATE), Field(description="The former values of what changed.")]


class OwnChangeList(Output):
    """A stretch of your own log. Ask again with `after` set to the last `seq` you got."""

    data: Annotated[list[OwnChangeRead], Field(max_length=MAX_LIMIT, description="Entries in order.")]
    seq: Annotated[Seq, Field(description="Number of the last entry of the whole log.")]
    has_more: Annotated[bool, Field(description="Whether entries follow.")]


class ChangeList(Output):
    """A stretch of a workspace's log. Ask again with `after` set to the last `seq` you got."""

    data: Annotated[list[ChangeRead], Field(max_length=MAX_LIMIT, description="Entries in order.")]
    seq: Annotated[Seq, Field(description="Number of the last entry of the whole log.")]
    has_more: Annotated[bool, Field(description="Whether entries follow.")]
