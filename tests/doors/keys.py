"""API keys for the scenarios, made through the service."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from sqlalchemy import update

from api.schemas.api_keys import ApiKeyCreate, NewApiKey
from api.services.api_keys import create_api_key
from db.clock import utc_now
from db.models import ApiKey, KeyAccess
from tests.doors.people import Person


async def make_key(
    app: FastAPI, person: Person, access: KeyAccess = KeyAccess.READ, workspace: UUID | None = None
) -> NewApiKey:
    """Make a key that was used just now, so that its next use writes nothing."""
    data = ApiKeyCreate(name="Import", access=access, workspace_id=workspace)
    async with app.state.database.write() as uow:
        key = await create_api_key(uow, person.actor, data)
    await set_times(app, key.id, last_used_at=timedelta())
    return key


async def set_times(app: FastAPI, key_id: UUID, **ago: timedelta) -> None:
    """Move times of a key to so long ago."""
    values: dict[str, Any] = {name: utc_now() - age for name, age in ago.items()}
    async with app.state.database.write() as uow:
        await uow.session.execute(update(ApiKey).where(ApiKey.id == key_id).values(**values))
