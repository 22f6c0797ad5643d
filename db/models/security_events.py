"""The security log: who signed in, from where, and what became of accounts."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from db.clock import utc_now
from db.models.base import Base, choice, new_id
from db.models.sessions import MAX_ADDRESS, MAX_DEVICE


class SecurityEventKind(StrEnum):
    """What happened to an account or its sessions."""

    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - what somebody who is signed in gave as the current one
    SIGNED_OUT = "signed_out"
    SESSION_REVOKED = "session_revoked"
    REFRESH_TOKEN_REUSED = "refresh_token_reused"  # noqa: S105 - what happened to one
    API_KEY_CREATED = "api_key_created"
    API_KEY_REVOKED = "api_key_revoked"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - as above
    IDENTITY_LINKED = "identity_linked"
    TWO_STEP_ENABLED = "two_step_enabled"
    TWO_STEP_DISABLED = "two_step_disabled"
    SECOND_STEP_FAILED = "second_step_failed"
    RECOVERY_CODE_USED = "recovery_code_used"
    RECOVERY_CODES_MADE = "recovery_codes_made"
    EMAIL_CHANGED = "email_changed"
    ROLE_CHANGED = "role_changed"
    ACCOUNT_DISABLED = "account_disabled"
    ACCOUNT_ENABLED = "account_enabled"
    ACCOUNT_DELETED = "account_deleted"
    WEBHOOK_CREATED = "webhook_created"
    WEBHOOK_DELETED = "webhook_deleted"
    WEBHOOK_PAUSED = "webhook_paused"


class SecurityEvent(Base):
    """One entry. It is never changed."""

    __tablename__ = "security_events"
    __table_args__ = (Index(None, "at", "id"), Index(None, "user_id", "at", "id"))

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    at: Mapped[datetime] = mapped_column(default=utc_now)
    kind: Mapped[SecurityEventKind] = mapped_column(choice(SecurityEventKind))
    # Whose account it is about; None if there is no such account.
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    # Who did it: a user's id, `anonymous` or `system`.
    actor: Mapped[str] = mapped_column(String(36))
    address: Mapped[str | None] = mapped_column(String(MAX_ADDRESS))
    device: Mapped[str | None] = mapped_column(String(MAX_DEVICE))
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
