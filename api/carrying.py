"""Bytes of files on their way through the REST door: in turn, paid for, and kept nowhere."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

from starlette.requests import Request

from api.core.actor import Actor
from api.core.streamed_bodies import stream_body
from api.core.turns import Turns
from api.dependencies import caller_of, charge_bytes
from api.server.content import ContentResponse

BINARY: dict[str, Any] = {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}
"""What OpenAPI says of bytes."""


def headed(*names: str, **described: str) -> dict[str, Any]:
    """Return what OpenAPI says of an answer with these headers; `described` are those that another name describes."""
    known = {**described, **{name: name for name in names}}
    return {"headers": {name: {"$ref": f"#/components/headers/{as_}"} for name, as_ in known.items()}}


@asynccontextmanager
async def carried(request: Request, actor: Actor) -> AsyncIterator[AsyncIterator[bytes]]:
    """Hand out a body as it comes, when it is the turn of whoever brings it, and pays for it."""
    stream_body(request.scope)
    turns: Turns = request.app.state.upload_turns
    async with turns.turn(caller_of(request, actor)), aclosing(_taken(request, actor)) as chunks:
        yield chunks


def send_in_turn(request: Request, actor: Actor, answer: ContentResponse) -> ContentResponse:
    """Return an answer whose bytes are sent when it is the turn of whoever gets them, and pays for them."""
    answer.body_iterator = _sent(request, actor, answer.body_iterator)
    return answer


async def _taken(request: Request, actor: Actor) -> AsyncGenerator[bytes, None]:
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            yield chunk
    finally:
        charge_bytes(request, actor, size)


async def _sent(request: Request, actor: Actor, pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    size = 0
    turns: Turns = request.app.state.download_turns
    async with turns.turn(caller_of(request, actor)):
        try:
            async with aclosing(pieces):
                async for piece in pieces:
                    size += len(piece)
                    yield piece
        finally:
            charge_bytes(request, actor, size)
