"""Requests that were done under a key of their sender's choice."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from db.clock import utc_now
from db.models.base import Base, JsonObject


class DoneRequest(Base):
    """What a request with an idempotency key was, and what became of it; written in its own transaction."""

    __tablename__ = "done_requests"
    __table_args__ = (Index(None, "at"),)

    # The user's id, or the network of somebody who is not signed in: nobody meets another's keys.
    caller: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    # SHA-256 of the operation and what it was given, in hex.
    digest: Mapped[str] = mapped_column(String(64))
    # The row that it answered with, as it was then; None for an operation that answers nothing.
    answer: Mapped[dict[str, Any] | None] = mapped_column(JsonObject)
    at: Mapped[datetime] = mapped_column(default=utc_now)
