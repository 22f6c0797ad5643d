"""Workspaces: the unit of permission, of the change log, and of sharing."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, Edited, new_id


class Workspace(Edited, Base):
    """What members share. A deleted one keeps this row and the last entry of its log, nothing else."""

    __tablename__ = "workspaces"
    __table_args__ = (Index(None, "created_at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(100))
    personal: Mapped[bool] = mapped_column(default=False)
    # The number of the last change. Its row lock is what makes numbers follow the order of commits.
    seq: Mapped[int] = mapped_column("last_seq", BigInteger, default=0)
    # Changes up to this number were removed by retention; 0 if none were.
    trimmed_seq: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    deleted_at: Mapped[datetime | None] = mapped_column(default=None)
