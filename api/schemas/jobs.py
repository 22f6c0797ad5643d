"""Jobs: what each kind is told, and how they are shown to administrators."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.pages import Listing, PageQuery
from api.schemas.types import Count, Moment, Output
from db.models import JobStatus


class LetterKind(StrEnum):
    """What a mail is about; its templates bear its name."""

    WELCOME = "welcome"
    VERIFICATION = "verification"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - the name of a template
    EMAIL_CHANGE = "email_change"
    INVITATION = "invitation"
    NEW_SIGN_IN = "new_sign_in"
    TWO_STEP_OFF = "two_step_off"
    WEBHOOK_PAUSED = "webhook_paused"
    MEMBERSHIP = "membership"


class Work(BaseModel):
    """What a job is told. It is stored, so a field that is added needs a default; secrets are not for it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    kind: ClassVar[str]


class SendMail(Work):
    """Write to the owner of an account, found by its id or its address; nobody is nobody."""

    kind = "send_mail"

    letter: LetterKind
    user_id: UUID | None = None
    email: str | None = None
    """The address of an account, or with `EMAIL_CHANGE` the one that the account shall have."""
    asked_with: str | None = None
    """A digest of what is stored of the password that it was asked for with; with another one nothing is sent."""


class SendInvitation(Work):
    """Send the letter of an invitation, unless it ended or has a later letter."""

    kind = "send_invitation"

    invitation_id: UUID


class TellOfSignIn(Work):
    """Tell the owner of an account of a sign-in with a device that was not known."""

    kind = "tell_of_sign_in"

    user_id: UUID
    at: datetime
    device: str
    """In words of ours."""
    address: str | None


class TellOfTwoStepOff(Work):
    """Tell the owner of an account that its password alone is enough from now on."""

    kind = "tell_of_two_step_off"

    user_id: UUID
    at: datetime
    by_administrator: bool


class TellOfPause(Work):
    """Tell an admin of a workspace that a webhook there is told nothing any more."""

    kind = "tell_of_pause"

    user_id: UUID
    webhook_id: UUID


class MembershipNews(StrEnum):
    """What somebody did about a membership."""

    ADDED = "added"
    REMOVED = "removed"
    ROLE_CHANGED = "role_changed"


class TellOfMembership(Work):
    """Tell somebody who wants to hear of it that others changed a membership. No mail says in which workspace."""

    kind = "tell_of_membership"

    user_id: UUID
    news: MembershipNews


class Sweep(Work):
    """Remove what has expired, once a day."""

    kind = "sweep"

    day: date


class DeliverWebhook(Work):
    """Tell a webhook of what it was not told of yet."""

    kind = "deliver_webhook"

    webhook_id: UUID


class Redeliver(Work):
    """Send one change to a webhook again, whatever came after it."""

    kind = "redeliver"

    delivery_id: UUID


class EraseBytes(Work):
    """Erase bytes from the store that no file has any more: some of a workspace's, or all of one that is gone."""

    kind = "erase_bytes"

    workspace_id: UUID
    blob_ids: list[UUID] | None = None


class MakeThumbnails(Work):
    """Make the thumbnails of bytes that are a picture."""

    kind = "make_thumbnails"

    workspace_id: UUID
    blob_id: UUID


class JobRead(Output):
    """A job: work that is done after the request that needs it, such as sending a mail."""

    id: Annotated[UUID, Field(description="The job's id.")]
    kind: Annotated[str, Field(max_length=100, description="What kind of work it is, such as `send_mail`.")]
    status: Annotated[JobStatus, Field(description="How far it is.")]
    attempts: Annotated[Count, Field(description="How often it was tried to the end, well or badly.")]
    error: Annotated[str | None, Field(max_length=2000, description="Why it failed.")]
    created_at: Annotated[Moment, Field(description="When it was promised.")]
    finished_at: Annotated[Moment | None, Field(description="When it ended, well or badly.")]


class JobList(Listing[JobRead]):
    """One page of jobs."""


class JobQuery(PageQuery):
    """Which jobs are wanted."""

    status: Annotated[JobStatus | None, Field(description="With this status; all if absent.")] = None
