"""The change log as it grows: Server-Sent Events."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple
from uuid import UUID

import structlog
from fastapi import Depends, Header, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.core.actor import ANONYMOUS
from api.core.errors import INTERNAL, AppError, ErrorCode, to_app_error
from api.dependencies import Id, InstalledIdentity, LiveHub, caller_of, charge_event, get_anyone, get_database
from api.problems import documented
from api.rest import GUARDED, resource_router
from api.schemas.changes import ChangeRead, OwnChangeRead
from api.schemas.items import ItemFilter
from api.schemas.streams import ItemEventRead, OwnStreamQuery, StreamQuery
from api.server.request_log import record_of
from api.services import auth
from api.services.live.events import Event, changes_of, items_of
from api.services.live.streams import Stream, open_stream
from db.models import EntityKind, OwnChange

router = resource_router("changes")
logger = structlog.get_logger("twofold.streams")

RETRY_MILLISECONDS = 1000
REFUSALS = {**GUARDED, **documented(ErrorCode.CURSOR_EXPIRED, ErrorCode.RATE_LIMITED)}

LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        description="The last `id` received, which a browser sends by itself. It wins over `after`.",
    ),
]


class Watch(NamedTuple):
    """An open stream, and which items are wanted; None is every change."""

    stream: Stream
    where: ItemFilter | None


@dataclass
class Resume:
    """Who watches, and from where: what all streams are asked with, beside their query."""

    request: Request
    hub: LiveHub
    identity: InstalledIdentity
    last_event_id: LastEventId = None

    @asynccontextmanager
    async def open(self, workspace_id: UUID | None, query: OwnStreamQuery) -> AsyncIterator[Stream]:
        """Open the stream of a workspace's log, or without one of the caller's own."""
        request = self.request
        if query.ticket is None:
            actor = await get_anyone(request)
        else:
            async with get_database(request).read(caller_of(request, ANONYMOUS)) as uow:
                actor = await auth.admit(uow, query.ticket, workspace_id, identity=self.identity)
            record_of(request).actor = actor.label
        after = _resume_at(self.last_event_id, query.after)
        async with open_stream(self.hub, actor, workspace_id, after) as stream:
            stream.is_response = True
            yield stream


async def _open(
    workspace_id: Id, query: Annotated[StreamQuery, Query()], resume: Annotated[Resume, Depends()]
) -> AsyncIterator[Watch]:
    """Open the stream before the answer begins, so that a refusal is an ordinary problem."""
    async with resume.open(workspace_id, query) as stream:
        yield Watch(stream, query.item_filter())


async def _open_mine(
    query: Annotated[OwnStreamQuery, Query()], resume: Annotated[Resume, Depends()]
) -> AsyncIterator[Stream]:
    """Open the stream of the caller's own log."""
    async with resume.open(None, query) as stream:
        yield stream


@router.get("/workspaces/{id}/changes/stream", responses=REFUSALS, response_class=EventSourceResponse)
async def stream_changes(watch: Annotated[Watch, Depends(_open)], request: Request) -> AsyncIterator[ServerSentEvent]:
    """Watch the change log: `id` is the number, `event` the kind, `data` the change as `list_changes` tells it.

    Without a number it begins now, with an event `ready` and `{"seq"}`. With filter parameters, as of `list_items`, it
    shows what enters, changes in and leaves that list: `{"seq", "at", "actor_id", "kind", "effect", "item_id", "item",
    "changed"}`, where `effect` is `entered`, `updated` or `left`, and of what left `item` and `changed` are null; after
    many changes that do not concern the list, a `ready` tells how far it has come. When the right to watch ends, the
    last event is an `error` with `{"code", "message", "details", "request_id"}`. `retry` is set to a second, and a
    comment comes every 15 seconds.
    """
    source = changes_of(watch.stream) if watch.where is None else items_of(watch.stream, watch.where)
    async with aclosing(_tell(source, watch.stream, request)) as events:
        async for event in events:
            yield event


@router.get("/me/stream", responses=REFUSALS, response_class=EventSourceResponse)
async def stream_mine(
    stream: Annotated[Stream, Depends(_open_mine)], request: Request
) -> AsyncIterator[ServerSentEvent]:
    """Watch your own log: `id` is the number, `event` the kind, `data` the change as `list_my_changes` tells it.

    Everything else is as with `stream_changes`: the `ready` at the beginning, the `error` at the end, the comments.
    """
    async with aclosing(_tell(changes_of(stream), stream, request)) as events:
        async for event in events:
            yield event


async def _tell(
    source: AsyncGenerator[Event, None], stream: Stream, request: Request
) -> AsyncGenerator[ServerSentEvent, None]:
    """Render the events, and as the last one the reason why there are no more."""
    yield ServerSentEvent(comment="live", retry=RETRY_MILLISECONDS)
    try:
        async with aclosing(source) as events:
            async for event in events:
                charge_event(request, stream)
                yield _render(event)
    except Exception as error:
        known = to_app_error(error)
        if known is None:
            logger.exception("event stream failed")
            known = INTERNAL
        record_of(request).note_error(known.code)
        reason = {
            "code": known.code,
            "message": known.message,
            "details": known.details,
            "request_id": record_of(request).request_id,
        }
        yield ServerSentEvent(event="error", data=reason)


def _render(event: Event) -> ServerSentEvent:
    change = event.change
    if change is None:
        return ServerSentEvent(id=str(event.seq), event="ready", data={"seq": event.seq})
    shown = OwnChangeRead if isinstance(change, OwnChange) else ChangeRead
    data: Any = shown.model_validate(change)
    if event.effect is not None:
        data = ItemEventRead(
            seq=change.seq,
            at=change.at,
            actor_id=change.actor_id,
            kind=change.kind,
            effect=event.effect,
            item_id=change.entity_id,
            item=event.entity(EntityKind.ITEM),
            changed=event.changed,
        )
    return ServerSentEvent(id=str(event.seq), event=change.kind, data=data)


def _resume_at(last_event_id: str | None, after: int | None) -> int | None:
    if not last_event_id:
        return after
    if not last_event_id.isdecimal() or len(last_event_id) > 16:  # noqa: PLR2004 - the digits of 2^53
        raise AppError(ErrorCode.BAD_REQUEST, "Last-Event-ID must be the number of a change.")
    return int(last_event_id)
