"""Webhooks: what is asked for and shown."""

import re
import unicodedata
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import MISSING, AfterValidator, Field, StringConstraints

from api.schemas.pages import Listing, PageQuery
from api.schemas.scalars import OR_HOME, Uuid
from api.schemas.types import AtMost, Count, Flag, Input, Letters, Moment, Output, Seq, Version
from db.models import DeliveryStatus, WebhookKind, WebhookPause
from db.models.webhooks import MAX_ERROR, MAX_URL

MAX_DESCRIPTION = 200

# One spelling, so that nobody can read it in two ways: no password, no fragment, a name or an address, a port
# (RFC 3986, appendix A).
_URL = re.compile(
    r"https?://([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?"
    r"([/?][A-Za-z0-9._~:/?@!$&'()*+,;=%\[\]-]*)?"
)


def _check_url(value: str) -> str:
    found = _URL.fullmatch(value)
    if found is None:
        raise ValueError("It must be an address such as https://example.com/hook, in ASCII and without a password")
    if found[3] and not 1 <= int(found[3][1:]) <= 65535:  # noqa: PLR2004 - the ports there are
        raise ValueError("Its port must be between 1 and 65535")
    return value


def _one_line(value: str) -> str:
    if any(unicodedata.category(letter) == "Cc" for letter in value):
        raise ValueError("It must not contain control characters")
    return value


def _unique(kinds: list[WebhookKind] | None) -> list[WebhookKind] | None:
    if kinds is None:
        return None
    if not kinds:
        raise ValueError("Name one kind at least, or null for all")
    return list(dict.fromkeys(kinds))


Url = Annotated[str, StringConstraints(max_length=MAX_URL), AfterValidator(_check_url)]
Kinds = Annotated[list[WebhookKind], AtMost(len(WebhookKind))]
Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_DESCRIPTION), AfterValidator(_one_line)]


class WebhookCreate(Input):
    """A new webhook."""

    example: ClassVar = {"url": "https://example.com/hook", "kinds": ["item_created", "item_updated"]}

    workspace_id: Annotated[Uuid | None, Field(description=f"Whose changes it is told of; {OR_HOME}.")] = None
    url: Annotated[
        Url, Field(description="Where each change is sent to; with `https://`, unless the installation allows others.")
    ]
    kinds: Annotated[
        Kinds | None,
        AfterValidator(_unique),
        Field(description="The kinds of change it is told of; all if absent."),
    ] = None
    description: Annotated[Note, Field(description="What it is for, up to 200 characters.")] = ""


class WebhookUpdate(Input):
    """Changes to a webhook; what is absent stays."""

    example: ClassVar = {"paused": False}

    url: Annotated[Url | MISSING, Field(description="Where each change is sent to.")] = MISSING
    kinds: Annotated[
        Kinds | MISSING | None,
        AfterValidator(_unique),
        Field(description="The kinds of change it is told of; null for all."),
    ] = MISSING
    description: Annotated[Note | MISSING, Field(description="What it is for, up to 200 characters.")] = MISSING
    paused: Annotated[
        Flag | MISSING,
        Field(
            description="True to send nothing for a while; false to go on after the last change that was delivered, or "
            "with the oldest that is left if the log was trimmed meanwhile."
        ),
    ] = MISSING


class WebhookQuery(PageQuery):
    """Whose webhooks are wanted."""

    workspace_id: Annotated[Uuid | None, Field(description=f"Where; {OR_HOME}.")] = None


class WebhookRead(Output):
    """A webhook."""

    id: Annotated[UUID, Field(description="The webhook's id.")]
    workspace_id: Annotated[UUID, Field(description="Whose changes it is told of.")]
    url: Annotated[str, Letters(MAX_URL), Field(max_length=MAX_URL, description="Where each change is sent to.")]
    kinds: Annotated[
        list[WebhookKind] | None,
        Field(max_length=len(WebhookKind), description="The kinds of change it is told of; null is all."),
    ]
    description: Annotated[str, Field(max_length=MAX_DESCRIPTION, description="What it is for.")]
    seq: Annotated[Seq, Field(description="Number of the last change that it was told of, or did not want to be.")]
    paused: Annotated[bool, Field(description="Whether nothing is sent at present.")]
    paused_reason: Annotated[
        WebhookPause | None,
        Field(
            description="Why: somebody said so, it failed for three days, it answered 410, or changes that it was not "
            "told of were removed from the log."
        ),
    ]
    failures: Annotated[Count, Field(description="How often in a row it failed.")]
    failing_since: Annotated[Moment | None, Field(description="Since when it fails.")]
    next_attempt_at: Annotated[Moment | None, Field(description="When it is tried again.")]
    version: Annotated[Version, Field(description="Rises with each edit.")]
    created_at: Annotated[Moment, Field(description="When it was made.")]
    updated_at: Annotated[Moment, Field(description="When it was last edited.")]


class CreatedWebhook(WebhookRead):
    """A new webhook, with the secret that is shown this once."""

    secret: Annotated[
        str, Field(max_length=100, description="Verifies what is sent, by the libraries of Standard Webhooks.")
    ]


class WebhookList(Listing[WebhookRead]):
    """One page of webhooks."""


class WebhookDeliveryQuery(PageQuery):
    """Which deliveries are wanted."""

    webhook_id: Annotated[Uuid, Field(description="The webhook.")]
    status: Annotated[DeliveryStatus | None, Field(description="With this status; all if absent.")] = None


class WebhookDeliveryRead(Output):
    """A change on its way to a webhook."""

    id: Annotated[UUID, Field(description="The header `webhook-id`: the same however often it is sent.")]
    webhook_id: Annotated[UUID, Field(description="To which webhook.")]
    seq: Annotated[Seq, Field(description="Number of the change.")]
    kind: Annotated[WebhookKind, Field(description="Kind of the change.")]
    status: Annotated[DeliveryStatus, Field(description="What became of it.")]
    attempts: Annotated[Count, Field(description="How often it was sent.")]
    status_code: Annotated[
        int | None, Field(ge=100, le=999, description="The status that was answered last; null if nothing was.")
    ]
    error: Annotated[str | None, Field(max_length=MAX_ERROR, description="What went wrong the last time.")]
    milliseconds: Annotated[Count, Field(description="How long the last attempt took.")]
    first_attempt_at: Annotated[Moment, Field(description="When it was first sent.")]
    last_attempt_at: Annotated[Moment, Field(description="When it was last sent.")]


class WebhookDeliveryList(Listing[WebhookDeliveryRead]):
    """One page of deliveries."""
