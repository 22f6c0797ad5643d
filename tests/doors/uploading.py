"""Files for the scenarios: through the door that takes them, or past it."""

import base64
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from fastapi import FastAPI

from api.core.files.multipart import Part
from api.schemas.files import FileRead
from api.services.uploads import FormUpload, upload_files
from tests.doors.door import Door, Form, Raw
from tests.doors.people import Person, World

CONTENT = b"Sow in March.\n"
TEXT = "text/plain"


def form_of(*contents: bytes, name: str = "seeds.txt", media_type: str = TEXT, **fields: object) -> Form:
    """Return a form with these files and fields."""
    return Form(
        {key: str(value) for key, value in fields.items()},
        [("files", (name, content, media_type)) for content in contents],
    )


def appended(content: bytes, offset: int = 0, **headers: str) -> Raw:
    """Return the next bytes of an upload, as tus sends them."""
    own = {"Tus-Resumable": "1.0.0", "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
    return Raw(content, own | headers)


def begun(size: int, **told: object) -> Raw:
    """Return the promise of a file, as tus makes it."""
    pairs = [f"{key} {base64.b64encode(str(value).encode()).decode()}" for key, value in told.items()]
    head = {"Tus-Resumable": "1.0.0", "Upload-Length": str(size)}
    return Raw(b"", head | ({"Upload-Metadata": ",".join(pairs)} if pairs else {}))


async def make_file(rest: Door, world: World, content: bytes = CONTENT, **values: Any) -> dict[str, Any]:
    """Let the editor, or whose `token` it is, upload a file into the workspace or to what is named."""
    token = values.pop("token", world.editor.token)
    if not {"workspace_id", "item_id", "message_id"} & values.keys():
        values["workspace_id"] = world.workspace
    uploaded = await rest.call("upload_files", token=token, form=form_of(content, **values))
    [file] = uploaded["data"]
    return dict(file)


async def add_file(app: FastAPI, person: Person, content: bytes = CONTENT, **place: UUID) -> FileRead:
    """Let a person upload a file, without a door."""

    async def parts() -> AsyncIterator[Part]:
        for name, value in place.items():
            yield Part(name, None, None, _chunks(str(value).encode()))
        yield Part("files", "seeds.txt", TEXT, _chunks(content))

    upload = FormUpload(person.id, parts(), None)
    [file] = (await upload_files(app.state.database, person.actor, upload, rules=app.state.file_rules)).data
    return file


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    yield content
