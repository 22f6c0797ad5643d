"""API keys: making them, seeing them, ending them. What a key may do, `core.actor` says."""

from datetime import timedelta
from uuid import UUID

from api.core.actor import Actor, require_person
from api.core.api_keys import digest_of, make_key, start_of
from api.core.errors import conflict, not_found
from api.core.pages import PageArguments
from api.schemas.api_keys import ApiKeyCreate, ApiKeyRead, NewApiKey
from api.services import access, security
from api.services.idempotency import idempotent
from db.clock import utc_now
from db.models import ApiKey, SecurityEventKind
from db.models.base import new_id
from db.paging import Page
from db.repositories import api_keys
from db.unit_of_work import ReadUnit, UnitOfWork

MOST = 100
"""Keys of a user at once, expired ones that are still listed included."""


async def create_api_key(uow: UnitOfWork, actor: Actor, data: ApiKeyCreate) -> NewApiKey:
    """Make a key for the caller's programs. Its text is in this answer, and nowhere else.

    Raises:
        AppError: UNAUTHENTICATED; NOT_FOUND for a workspace that the caller cannot see; CONFLICT for one key too many;
            FORBIDDEN for an API key.
    """
    user = await access.enter_own_account(uow, actor)
    if data.workspace_id is not None:
        await access.see(uow, actor, data.workspace_id)
    if await api_keys.count(uow.session, user.id) >= MOST:
        raise conflict(f"You have {MOST} API keys; revoke one that you no longer need.")
    text, now = make_key(), utc_now()
    key = ApiKey(
        id=new_id(),
        user_id=user.id,
        name=data.name,
        access=data.access,
        workspace_id=data.workspace_id,
        starts_with=start_of(text),
        digest=digest_of(text),
        created_at=now,
        expires_at=now + timedelta(days=data.expires_in_days),
    )
    await uow.session.insert(key)
    await security.record(
        uow,
        actor,
        SecurityEventKind.API_KEY_CREATED,
        user.id,
        api_key_id=str(key.id),
        name=key.name,
        access=key.access,
        workspace_id=None if key.workspace_id is None else str(key.workspace_id),
    )
    return NewApiKey(key=text, **ApiKeyRead.model_validate(key).model_dump())


async def list_api_keys(uow: ReadUnit, actor: Actor, *, page: PageArguments) -> Page[ApiKey]:
    """Return one page of one's own keys, newest first. An expired one is still listed for a month.

    Raises:
        AppError: UNAUTHENTICATED; FORBIDDEN for an API key.
    """
    return await api_keys.page(uow.session, require_person(actor).id, page.of(api_keys.NEWEST_FIRST))


@idempotent
async def revoke_api_key(uow: UnitOfWork, actor: Actor, key_id: UUID) -> None:
    """End one of one's own keys, at once and with its streams.

    Raises:
        AppError: UNAUTHENTICATED; NOT_FOUND; FORBIDDEN for an API key.
    """
    user = await access.enter_own_account(uow, actor)
    key = await api_keys.find(uow.session, user.id, key_id)
    if key is None:
        raise not_found("API key")
    await uow.session.delete(key)
    uow.touched_users.add(user.id)
    await security.record(uow, actor, SecurityEventKind.API_KEY_REVOKED, user.id, api_key_id=str(key_id), name=key.name)


async def end_all(uow: UnitOfWork, user_id: UUID) -> None:
    """End the keys of a user whose account is locked; their streams end after the commit."""
    await api_keys.delete_all_of(uow.session, user_id)
    uow.touched_users.add(user_id)
