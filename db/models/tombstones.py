"""What deleted rows leave behind, so that versions only rise."""

from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, choice
from db.models.changes import EntityKind


class Tombstone(Base):
    """The version with which an item, a message or a member went for good.

    The log says so too, but retention trims it, and a deleted workspace empties it. No foreign keys:
    nothing here refers to a row that still is.
    """

    __tablename__ = "tombstones"

    entity_id: Mapped[UUID] = mapped_column(primary_key=True)
    # A member is named by its user's id, of which each workspace may have had one.
    workspace_id: Mapped[UUID] = mapped_column(primary_key=True)
    entity: Mapped[EntityKind] = mapped_column(choice(EntityKind), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
