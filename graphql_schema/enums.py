"""Enumerations, shared with the REST door; here their values are written in capitals."""

from enum import StrEnum

import strawberry

from api.core.files.thumbnails import Fit
from api.schemas.files import FileSort
from api.schemas.items import ItemSort
from api.schemas.messages import MessageSort
from api.schemas.uploads import FileStatus
from db.models import (
    ChangeKind,
    DeliveryStatus,
    EntityKind,
    ItemStatus,
    JobStatus,
    KeyAccess,
    OwnEntityKind,
    Role,
    SecurityEventKind,
    UserRole,
    WebhookKind,
    WebhookPause,
)

ENUMS: tuple[type[StrEnum], ...] = (
    FileSort,
    FileStatus,
    Fit,
    ItemSort,
    ItemStatus,
    JobStatus,
    KeyAccess,
    MessageSort,
    Role,
    UserRole,
    ChangeKind,
    EntityKind,
    OwnEntityKind,
    SecurityEventKind,
    WebhookKind,
    WebhookPause,
    DeliveryStatus,
)

for _kind in ENUMS:
    strawberry.enum(_kind, description=(_kind.__doc__ or "").strip())
