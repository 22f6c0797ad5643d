"""Jobs as the tables of DBOS have them, to be read; and what else jobs and mail keep."""

import json
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, Dialect, Index, MetaData, String, Table, Text, func, select
from sqlalchemy.orm import Mapped, column_property, mapped_column
from sqlalchemy.types import TypeDecorator

from db.models.base import Base

SCHEMA = "dbos"
"""Where the tables of DBOS are on PostgreSQL; on SQLite they stand beside ours."""

ATTEMPT = "attempt"
"""The name of the step that does a job's work, once or several times."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class JobStatus(StrEnum):
    """How far a job is; `failed` and `stuck` are the dead letters, which wait for somebody to look at them."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STUCK = "stuck"
    CANCELLED = "cancelled"


_STORED = {
    "ENQUEUED": JobStatus.WAITING,
    "DELAYED": JobStatus.WAITING,
    "PENDING": JobStatus.RUNNING,
    "SUCCESS": JobStatus.DONE,
    "ERROR": JobStatus.FAILED,
    # Whoever began it was gone each time before it ended.
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": JobStatus.STUCK,
    "CANCELLED": JobStatus.CANCELLED,
}


class _Status(TypeDecorator[JobStatus]):
    impl = Text
    cache_ok = True

    def process_bind_param(self, value: JobStatus | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - as the base class calls it
        return None if value is None else next(word for word, status in _STORED.items() if status is value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> JobStatus | None:  # noqa: ARG002 - as above
        return None if value is None else _STORED[value]


class _Milliseconds(TypeDecorator[datetime]):
    """A moment, stored as milliseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        """What a value is in Python."""
        return datetime

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - as above
        return None if value is None else (value - _EPOCH) // timedelta(milliseconds=1)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - as above
        return None if value is None else _EPOCH + timedelta(milliseconds=value)


class _TextUuid(TypeDecorator[UUID]):
    impl = Text
    cache_ok = True

    def process_bind_param(self, value: UUID | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - as above
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> UUID | None:  # noqa: ARG002 - as above
        return None if value is None else UUID(value)


JOB_TABLES = frozenset(
    {
        "application_versions",
        "dbos_migrations",
        "notifications",
        "operation_outputs",
        "queues",
        "streams",
        "workflow_events",
        "workflow_events_history",
        "workflow_input",
        "workflow_output",
        "workflow_schedules",
        "workflow_status",
    }
)
"""The tables of DBOS, which on SQLite stand beside ours."""


class _Foreign(Base):
    """A table that is no part of our metadata: DBOS migrates it."""

    __abstract__ = True
    metadata = MetaData(schema=SCHEMA)


_outputs = Table("workflow_output", _Foreign.metadata, Column("workflow_uuid", _TextUuid), Column("error", Text))
_steps = Table(
    "operation_outputs", _Foreign.metadata, Column("workflow_uuid", _TextUuid), Column("function_name", Text)
)


class Job(_Foreign):
    """A job, to be read. Only `db.jobs` writes one."""

    __tablename__ = "workflow_status"

    id: Mapped[UUID] = mapped_column("workflow_uuid", _TextUuid, primary_key=True)
    kind: Mapped[str] = mapped_column("name", Text)
    status: Mapped[JobStatus] = mapped_column(_Status)
    created_at: Mapped[datetime] = mapped_column(_Milliseconds)
    finished_at: Mapped[datetime | None] = mapped_column("completed_at", _Milliseconds)
    attempts: Mapped[int] = column_property(
        select(func.count())
        .select_from(_steps)
        .where(_steps.c.workflow_uuid == id, _steps.c.function_name == ATTEMPT)  # noqa: A003 - the column above
        .scalar_subquery()
    )
    _error: Mapped[str | None] = column_property(
        select(_outputs.c.error).where(_outputs.c.workflow_uuid == id).scalar_subquery()  # noqa: A003 - the column above
    )

    @property
    def error(self) -> str | None:
        """Why it failed."""
        if self._error is None:
            return None
        told: Any = json.loads(self._error)
        return str(told["message"])


class Worker(Base):
    """A process that does jobs, and when it last said that it is there."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    seen_at: Mapped[datetime]


class OutboxMail(Base):
    """A mail that was delivered nowhere, as there is no mail server. Its id is that of its job."""

    __tablename__ = "outbox"
    __table_args__ = (Index(None, "created_at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]
    recipient: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str] = mapped_column(String(300))
    text: Mapped[str] = mapped_column(Text)
    html: Mapped[str] = mapped_column(Text)
    message_id: Mapped[str] = mapped_column(String(320))
