"""Uploads: bytes go into the store as they arrive, and become files in one transaction once all of them are there."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import structlog
from pydantic import ValidationError

from api.core.actor import Actor, require_user
from api.core.errors import AppError, ErrorCode, conflict, forbidden, from_pydantic, invalid
from api.core.files.multipart import Part
from api.core.files.names import clean
from api.core.files.receiving import Received, receive
from api.core.files.rules import FileRules
from api.core.files.store import Key
from api.core.permissions import Permission
from api.schemas.files import Arrival, FilePlace, FileRead, FilesCreate, UploadedFiles, read_checksum
from api.services import access, log
from api.services.idempotency import idempotent, was_done
from api.services.items import check_home, get_item, in_trash
from api.services.messages import get_message
from db.engine import Database
from db.errors import DatabaseError
from db.models import Blob, File
from db.models.base import new_id
from db.models.files import MAX_MEDIA_TYPE
from db.repositories import blobs, files, items, messages
from db.repositories.workspaces import WorkspaceId
from db.turns import Caller
from db.unit_of_work import ReadUnit, UnitOfWork

logger = structlog.get_logger("twofold.files")

MOST_TIME = timedelta(hours=12)
"""So long an upload may take. The sweep takes bytes without a file for lost only after twice as long."""

MAX_FILES_EACH = 1000
"""Files of an item with its thread, or of a message: so many go to the trash together."""

FILES = "files"
_CHECKSUM = "sha256"


@dataclass(frozen=True)
class Upload:
    """An upload as it comes: whose it is, and under which key it may be sent again."""

    caller: Caller
    parts: AsyncIterator[Part]
    idempotency_key: str | None


@dataclass
class _Intake:
    """What has come of a form so far."""

    fields: dict[str, str] = field(default_factory=dict)
    checksum: str | None = None
    workspace_id: UUID | None = None
    """Where the files will be, once that is known to be allowed."""
    used: int = 0
    """Bytes that count against the quota."""
    keys: list[Key] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)

    @property
    def place(self) -> FilePlace:
        """Where the client wants the files."""
        try:
            return FilePlace.model_validate(self.fields)
        except ValidationError as error:
            raise from_pydantic(error.errors(include_url=False)) from error

    async def note(self, part: Part) -> None:
        """Take a field of the form."""
        if part.name == _CHECKSUM:
            self.checksum = _checksum(await part.text())
        elif part.name not in FilePlace.model_fields:
            raise invalid([(part.name, "There is no such field; files are parts named files, with a file name")])
        elif self.workspace_id is not None:
            raise invalid([(part.name, "It must come before the files")])
        elif part.name in self.fields:
            raise invalid([(part.name, "It must be given once")])
        else:
            self.fields[part.name] = await part.text()

    def add(self, part: Part, received: Received) -> None:
        """Note that a file is there."""
        self.used += received.size
        self.arrivals.append(
            Arrival(
                name=clean(part.filename or ""),
                size=received.size,
                sha256=received.sha256,
                media_type=received.media_type,
                declared_media_type=_declared(part.media_type),
            )
        )


async def upload_files(database: Database, actor: Actor, upload: Upload, *, rules: FileRules) -> UploadedFiles:
    """Keep the files of a form, for editors: all of them, or if one is refused none.

    Its fields, those of `FilePlace`, come before the files, and `sha256` before the file that it is the checksum of.
    Who may not do it is refused before any byte of a file is read.

    Raises:
        AppError: PAYLOAD_TOO_LARGE for a file, their number or the workspace's quota; UNSUPPORTED_MEDIA_TYPE;
            VALIDATION_ERROR for a wrong checksum or field; CONFLICT if the item is in the trash; FORBIDDEN for a
            message of somebody else.
    """
    intake = _Intake()
    try:
        async with asyncio.timeout(MOST_TIME.total_seconds()) as patience:
            await _take_in(database, actor, upload, intake, rules)
    except BaseException as error:
        await _erase(rules, intake.keys)
        if isinstance(error, TimeoutError) and patience.expired():
            raise AppError(ErrorCode.BAD_REQUEST, "The upload took too long.") from error
        raise
    data = FilesCreate(place=intake.place, files=intake.arrivals)
    try:
        async with database.write(upload.caller) as uow:
            uow.idempotency_key = upload.idempotency_key
            answer = await create_files(uow, actor, data, [key.blob_id for key in intake.keys], rules=rules)
    except AppError:
        await _erase_unused(database, upload.caller, rules, intake.keys)
        raise
    await _erase_unused(database, upload.caller, rules, intake.keys)
    return answer


@idempotent
async def create_files(
    uow: UnitOfWork, actor: Actor, data: FilesCreate, blob_ids: Sequence[UUID], *, rules: FileRules
) -> UploadedFiles:
    """Make files of bytes that are in the store under these ids; bytes that the workspace keeps already are shared.

    Raises:
        AppError: as `upload_files`; CONFLICT if the item or message has too many files.
    """
    owner = require_user(actor)
    wanted = data.place
    where: WorkspaceId = access.or_personal(actor, wanted.workspace_id)
    what = "workspace"
    if wanted.message_id is not None:
        where, what = messages.workspace_of(wanted.message_id), "message"
    elif wanted.item_id is not None:
        where, what = items.workspace_of(wanted.item_id), "item"
    await access.enter(uow, actor, where, Permission.WRITE, what=what)
    place = await _find_place(uow, actor, wanted)
    await _check_number(uow, place, len(data.files))
    known = dict(await blobs.with_sums(uow.session, place.workspace_id, [one.sha256 for one in data.files]))
    made: list[Blob] = []
    for one, blob_id in zip(data.files, blob_ids, strict=True):
        if one.sha256 not in known:
            blob = Blob(id=blob_id, workspace_id=place.workspace_id, sha256=one.sha256, size=one.size)
            known[one.sha256] = blob
            made.append(blob)
    used = await blobs.size_of_all(uow.session, place.workspace_id)
    rules.check_quota(used, sum(blob.size for blob in made))
    rows = [
        File(
            id=new_id(),
            workspace_id=place.workspace_id,
            item_id=place.item_id,
            message_id=place.message_id,
            owner_id=owner.id,
            blob_id=known[one.sha256].id,
            **one.model_dump(),
        )
        for one in data.files
    ]
    # The bytes first: the files refer to them.
    await uow.session.insert(*made)
    await uow.session.insert(*rows)
    await log.record(uow, actor, place.workspace_id, [log.created(row) for row in rows])
    return UploadedFiles(data=[FileRead.model_validate(row) for row in rows])


@dataclass(frozen=True)
class _Place:
    """Where files will be; that of a message is also in its item's thread."""

    workspace_id: UUID
    item_id: UUID | None = None
    message_id: UUID | None = None


async def _find_place(uow: ReadUnit, actor: Actor, wanted: FilePlace) -> _Place:
    """Return where the files will be, if they may be there."""
    item_id = wanted.item_id
    place = _Place(access.or_personal(actor, wanted.workspace_id))
    if wanted.message_id is not None:
        message = await get_message(uow, actor, wanted.message_id)
        check_home(message.workspace_id, wanted.workspace_id, "message")
        if item_id is not None and message.item_id != item_id:
            raise invalid([("item_id", "The message is not in the thread of this item")])
        if message.author_id != actor.user_id:
            raise forbidden("Only its author may add files to a message.")
        item_id = message.item_id
        place = _Place(message.workspace_id, message_id=message.id)
    if item_id is not None:
        item = await get_item(uow, actor, item_id)
        check_home(item.workspace_id, wanted.workspace_id)
        if item.deleted_at is not None:
            raise in_trash()
        place = _Place(item.workspace_id, item.id, place.message_id)
    return place


async def _check_number(uow: UnitOfWork, place: _Place, more: int) -> None:
    counts = [("item", place.item_id, files.count_of_item), ("message", place.message_id, files.count_of_message)]
    for what, owner_id, count in counts:
        if owner_id is not None and await count(uow.session, owner_id) + more > MAX_FILES_EACH:
            raise conflict(f"The {what} would have more than {MAX_FILES_EACH} files.", maximum=MAX_FILES_EACH)


async def _take_in(database: Database, actor: Actor, upload: Upload, intake: _Intake, rules: FileRules) -> None:
    """Read the form to its end, and put its files into the store."""
    async for part in upload.parts:
        if part.filename is None:
            await intake.note(part)
            continue
        if part.name != FILES:
            raise invalid([(part.name, "Files are parts named files")])
        if intake.workspace_id is None:
            async with database.read(upload.caller) as uow:
                await _admit(uow, actor, upload, intake)
        assert intake.workspace_id is not None  # noqa: S101 - `_admit` set it
        key = Key(intake.workspace_id, new_id())
        intake.keys.append(key)
        expected, intake.checksum = intake.checksum, None
        received = await receive(part.chunks, key, rules, used=intake.used, expected_sum=expected)
        intake.add(part, received)
    if not intake.arrivals:
        raise invalid([(FILES, "Field required")])


async def _admit(uow: ReadUnit, actor: Actor, upload: Upload, intake: _Intake) -> None:
    """Refuse who may not upload there; what was done before may be sent again, whatever has become of the place."""
    wanted = intake.place
    if upload.idempotency_key is not None and await was_done(uow, actor, upload.idempotency_key):
        intake.workspace_id = access.or_personal(actor, wanted.workspace_id)
        return
    place = await _find_place(uow, actor, wanted)
    await access.check(uow, actor, place.workspace_id, Permission.WRITE, to_write=True)
    intake.workspace_id = place.workspace_id
    intake.used = await blobs.size_of_all(uow.session, place.workspace_id)


async def _erase_unused(database: Database, caller: Caller, rules: FileRules, keys: Sequence[Key]) -> None:
    """Erase what came for nothing: it was there already, or was refused in the end."""
    try:
        async with database.read(caller) as uow:
            used = await blobs.of(uow.session, [key.blob_id for key in keys])
    except DatabaseError as error:
        logger.warning("bytes are left to the sweep", error=str(error))
        return
    await _erase(rules, [key for key in keys if key.blob_id not in used])


async def _erase(rules: FileRules, keys: Sequence[Key]) -> None:
    """Erase bytes that no file has; if the store cannot just now, the sweep does it later."""
    try:
        await rules.store.delete(keys)
    except AppError as error:
        logger.warning("bytes are left to the sweep", error=error.message)


def _checksum(text: str) -> str:
    try:
        return read_checksum(text)
    except ValueError as error:
        raise invalid([(_CHECKSUM, str(error))]) from error


def _declared(media_type: str | None) -> str | None:
    """Return what the client calls the bytes, without parameters; None of what cannot be a media type."""
    kind = (media_type or "").partition(";")[0].strip().lower()
    return kind if "/" in kind and len(kind) <= MAX_MEDIA_TYPE and kind.isascii() and kind.isprintable() else None
