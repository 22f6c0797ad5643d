"""The tables."""

from db.models.api_keys import ApiKey, KeyAccess
from db.models.base import Base
from db.models.changes import Change, ChangeKind, EntityKind, LogEntry
from db.models.files import Blob, File, Thumbnails
from db.models.idempotency import DoneRequest
from db.models.invitations import Invitation
from db.models.items import Item, ItemStatus
from db.models.jobs import Job, JobStatus, OutboxMail, Worker
from db.models.mail_tokens import MailPurpose, MailToken
from db.models.members import Member, Role
from db.models.messages import Message
from db.models.own_logs import OwnChange, OwnEntityKind, OwnLog
from db.models.provider_identities import ProviderIdentity, UsedOidcSignIn
from db.models.security_events import SecurityEvent, SecurityEventKind
from db.models.sessions import UserSession
from db.models.tombstones import Tombstone
from db.models.two_step import RecoveryCode, SignInChallenge, TwoStep
from db.models.uploads import Upload, UploadPart
from db.models.users import User, UserRole
from db.models.webhooks import DeliveryStatus, Webhook, WebhookDelivery, WebhookKind, WebhookPause
from db.models.workspaces import Workspace

__all__ = [
    "ApiKey",
    "Base",
    "Blob",
    "Change",
    "ChangeKind",
    "DeliveryStatus",
    "DoneRequest",
    "EntityKind",
    "File",
    "Invitation",
    "Item",
    "ItemStatus",
    "Job",
    "JobStatus",
    "KeyAccess",
    "LogEntry",
    "MailPurpose",
    "MailToken",
    "Member",
    "Message",
    "OutboxMail",
    "OwnChange",
    "OwnEntityKind",
    "OwnLog",
    "ProviderIdentity",
    "RecoveryCode",
    "Role",
    "SecurityEvent",
    "SecurityEventKind",
    "SignInChallenge",
    "Thumbnails",
    "Tombstone",
    "TwoStep",
    "Upload",
    "UploadPart",
    "UsedOidcSignIn",
    "User",
    "UserRole",
    "UserSession",
    "Webhook",
    "WebhookDelivery",
    "WebhookKind",
    "WebhookPause",
    "Worker",
    "Workspace",
]
