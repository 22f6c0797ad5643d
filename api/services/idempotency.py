"""Requests that may be sent again: what was done under a key is not done twice, but answered as it was then.

The key is noted in the transaction that does the work, so that there is never one without the other. What
was done at one door is known at the other, as both call the same service with the same arguments.
(The IETF draft "The Idempotency-Key HTTP Header Field", draft-ietf-httpapi-idempotency-key-header-07.)
"""

import hashlib
import inspect
import json
from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from pydantic import BaseModel

from api.core.actor import Actor, UserActor
from api.core.addresses import network_of
from api.core.errors import AppError, invalid
from api.schemas.files import FileRead, UploadedFiles
from api.schemas.invitations import InvitationRead
from api.schemas.items import ItemRead
from api.schemas.mail import Receipt
from api.schemas.messages import MessageRead
from api.schemas.sessions import RevokedSessions
from api.schemas.types import Output
from api.schemas.users import AccountRead
from api.schemas.webhooks import WebhookDeliveryRead, WebhookRead
from api.schemas.workspaces import MemberRead, WorkspaceRead
from api.services import log
from db.clock import utc_now
from db.errors import ConstraintViolatedError
from db.models import DoneRequest, File, Invitation, Item, Member, Message, User, Webhook, WebhookDelivery, Workspace
from db.repositories import done_requests
from db.unit_of_work import ReadUnit, UnitOfWork

P = ParamSpec("P")
T = TypeVar("T")

KEPT_FOR = timedelta(hours=24)
"""So long a request may be sent again."""

_ANSWERS: Mapping[type, type[Output]] = {
    User: AccountRead,
    Workspace: WorkspaceRead,
    Member: MemberRead,
    Invitation: InvitationRead,
    Item: ItemRead,
    Message: MessageRead,
    File: FileRead,
    UploadedFiles: UploadedFiles,
    RevokedSessions: RevokedSessions,
    Receipt: Receipt,
    Webhook: WebhookRead,
    WebhookDelivery: WebhookDeliveryRead,
}
_KINDS: Mapping[str, type[Output]] = {row.__name__: read for row, read in _ANSWERS.items()}


def idempotent(
    service: Callable[Concatenate[UnitOfWork, Actor, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[UnitOfWork, Actor, P], Coroutine[Any, Any, T]]:
    """Let a writing operation be sent again under the key that its unit of work has, if any.

    Two at once are one, too: whoever comes second is undone, and gets the answer of the first.

    Raises:
        AppError: VALIDATION_ERROR if the key was used for another request.
    """
    signature = inspect.signature(service)

    @wraps(service)
    async def once(uow: UnitOfWork, actor: Actor, /, *args: P.args, **kwargs: P.kwargs) -> T:
        key = uow.idempotency_key
        if key is None:
            return await service(uow, actor, *args, **kwargs)
        caller = _caller(actor)
        digest = _digest(service.__name__, signature.bind(uow, actor, *args, **kwargs).arguments)
        done = await done_requests.find(uow.session, caller, key)
        if done is None:
            # Whoever waits for its turn in a workspace must hold no connection meanwhile.
            await uow.session.release()
            try:
                answer = await service(uow, actor, *args, **kwargs)
                await done_requests.add(uow.session, caller, key, digest, _keep(answer))
            except (AppError, ConstraintViolatedError) as error:
                if error is not uow.kept:
                    await uow.undo()
                done = await done_requests.find(uow.session, caller, key)
                if done is None:
                    raise
                # The first one has changed the password, say, so that this one's was wrong: nothing worth keeping.
                await uow.undo()
            else:
                return answer
        return _repeat(done, digest)  # type: ignore[no-any-return]  # it has what doors read of a row

    return once


async def was_done(uow: ReadUnit, actor: Actor, key: str) -> bool:
    """Return whether something was done under a key already, by the same caller."""
    return await done_requests.find(uow.session, _caller(actor), key) is not None


async def forget_old_requests(uow: UnitOfWork, _actor: Actor) -> None:
    """Forget what was done so long ago that nobody sends it again."""
    await done_requests.forget(uow.session, utc_now() - KEPT_FOR)


def _caller(actor: Actor) -> str:
    """Return who may send it again: an API key is not answered what was done with more right than it has."""
    if isinstance(actor, UserActor) and actor.key is not None:
        return actor.id.hex + actor.key.id.hex
    return str(actor.user_id or network_of(actor.address or ""))


def _keep(answer: Any) -> dict[str, Any] | None:
    if answer is None:
        return None
    state = _ANSWERS[type(answer)].model_validate(answer).model_dump(mode="json")
    return {"kind": type(answer).__name__, "state": state}


def _repeat(done: DoneRequest, digest: str) -> Any:
    if done.digest != digest:
        raise invalid([("idempotency_key", "It was used for another request; choose a new one")])
    if done.answer is None:
        return None
    return log.revive(_KINDS[done.answer["kind"]], done.answer["state"])


def _digest(operation: str, arguments: Mapping[str, Any]) -> str:
    """Return a digest of what is asked for: secrets in it count as one, and what the server brings along does not."""
    given = {name: _plain(value) for name, value in arguments.items() if _is_given(value)}
    return hashlib.sha256(json.dumps([operation, given], sort_keys=True).encode()).hexdigest()


def _is_given(value: Any) -> bool:
    return isinstance(value, BaseModel | UUID | str | int | frozenset)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_unset=True)
    return sorted(value) if isinstance(value, frozenset) else str(value)
