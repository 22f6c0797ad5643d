"""Promises of files, and their end."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from sqlalchemy import update

from db.clock import utc_now
from db.models import Upload
from tests.doors.door import Door
from tests.doors.people import World
from tests.doors.uploading import CONTENT


async def promise(door: Door, world: World, **values: Any) -> dict[str, Any]:
    """Let the editor, or whose `token` it is, promise a file."""
    token = values.pop("token", world.editor.token)
    data = {"name": "seeds.txt", "size": len(CONTENT), **values}
    if not {"workspace_id", "item_id", "message_id"} & values.keys():
        data["workspace_id"] = str(world.workspace)
    return dict(await door.call("create_upload", token=token, data=data))


async def expire(app: FastAPI, upload: dict[str, Any], ago: timedelta = timedelta()) -> None:
    """Let an upload have expired."""
    async with app.state.database.write() as uow:
        values = {"expires_at": utc_now() - ago}
        await uow.session.execute(update(Upload).where(Upload.id == UUID(upload["id"])).values(**values))
