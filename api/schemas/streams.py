"""Streams at the REST door."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.core.live import Effect
from api.schemas.changes import GivenSeq, State
from api.schemas.items import ItemFilter, ItemRead
from api.schemas.types import Input, Moment, Output, Seq
from db.models import ChangeKind


class OwnStreamQuery(Input):
    """From where to watch."""

    after: Annotated[
        GivenSeq | None, Field(description="The last number you have seen: what follows it is replayed first.")
    ] = None
    ticket: Annotated[str | None, Field(max_length=2048, description="Instead of the `Authorization` header.")] = None


class StreamQuery(ItemFilter, OwnStreamQuery):
    """From where to watch, and optionally which items."""

    def item_filter(self) -> ItemFilter | None:
        """Return the filter, or None if there is none and every change is wanted."""
        given = {name: getattr(self, name) for name in ItemFilter.model_fields if name in self.model_fields_set}
        return ItemFilter(**given) if given else None


class ItemEventRead(Output):
    """What a change does to a filtered list of items."""

    seq: Annotated[Seq, Field(description="Number of the change.")]
    at: Annotated[Moment, Field(description="When.")]
    actor_id: Annotated[UUID | None, Field(description="Who did it; null is the system.")]
    kind: Annotated[ChangeKind, Field(description="What was done.")]
    effect: Annotated[Effect, Field(description="What it does to the list.")]
    item_id: Annotated[UUID, Field(description="The item's id.")]
    item: Annotated[ItemRead | None, Field(description="The item after the change; null if it left.")]
    changed: Annotated[State | None, Field(description="The former values of what changed; null if it left.")]
