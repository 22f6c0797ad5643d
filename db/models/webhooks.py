"""Webhooks: addresses that are told of the changes of a workspace, and what became of each telling."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, Edited, choice, new_id

MAX_URL = 2000
MAX_ERROR = 300


class WebhookKind(StrEnum):
    """A kind of change that a webhook may be told of."""

    WORKSPACE_UPDATED = "workspace_updated"
    MEMBER_CREATED = "member_created"
    MEMBER_UPDATED = "member_updated"
    MEMBER_DELETED = "member_deleted"
    ITEM_CREATED = "item_created"
    ITEM_UPDATED = "item_updated"
    ITEM_DELETED = "item_deleted"
    ITEM_RESTORED = "item_restored"
    MESSAGE_CREATED = "message_created"
    MESSAGE_UPDATED = "message_updated"
    MESSAGE_DELETED = "message_deleted"
    FILE_CREATED = "file_created"
    FILE_UPDATED = "file_updated"
    FILE_DELETED = "file_deleted"
    FILE_RESTORED = "file_restored"


class WebhookPause(StrEnum):
    """Why a webhook is told nothing at present."""

    BY_ADMIN = "by_admin"
    FAILING = "failing"
    GONE = "gone"
    LOG_TRIMMED = "log_trimmed"


class DeliveryStatus(StrEnum):
    """What became of a delivery."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


class Webhook(Edited, Base):
    """An address, what it is told of, and how far: the latter is written by jobs, and is no edit."""

    __tablename__ = "webhooks"
    __table_args__ = (Index(None, "workspace_id", "created_at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    url: Mapped[str] = mapped_column(String(MAX_URL))
    description: Mapped[str] = mapped_column(String(200), default="")
    # None is every kind, those that come later too.
    kinds: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True), default=None)
    # The number of the last change that it was told of, or that is none of its kinds.
    seq: Mapped[int] = mapped_column("delivered_seq", BigInteger)
    paused_reason: Mapped[WebhookPause | None] = mapped_column(choice(WebhookPause), default=None)
    failures: Mapped[int] = mapped_column(default=0)
    failing_since: Mapped[datetime | None] = mapped_column(default=None)
    next_attempt_at: Mapped[datetime | None] = mapped_column(default=None)
    # The job that is promised or under way, and which beginning of it may write: a worker that was taken for dead
    # and comes back may not.
    job_id: Mapped[UUID | None] = mapped_column(default=None)
    run_id: Mapped[UUID | None] = mapped_column(default=None)

    @property
    def paused(self) -> bool:
        """Whether it is told nothing at present."""
        return self.paused_reason is not None


class WebhookDelivery(Base):
    """One change on its way to one webhook. Its id is what the receiver knows it by, however often it comes."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (Index(None, "webhook_id", "seq"), Index(None, "workspace_id"), Index(None, "last_attempt_at"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    webhook_id: Mapped[UUID] = mapped_column(ForeignKey("webhooks.id"))
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    seq: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[WebhookKind] = mapped_column(choice(WebhookKind))
    status: Mapped[DeliveryStatus] = mapped_column(choice(DeliveryStatus))
    attempts: Mapped[int]
    status_code: Mapped[int | None] = mapped_column(default=None)
    error: Mapped[str | None] = mapped_column(String(MAX_ERROR), default=None)
    milliseconds: Mapped[int]
    first_attempt_at: Mapped[datetime]
    last_attempt_at: Mapped[datetime]
