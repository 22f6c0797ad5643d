"""Uploads: bytes go into the store as they arrive, and become files in one transaction once all of them are there."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from pydantic import ValidationError

from api.core.actor import Actor
from api.core.errors import AppError, from_pydantic, invalid
from api.core.files.multipart import Part
from api.core.files.names import clean
from api.core.files.receiving import Received, receive
from api.core.files.rules import FileRules
from api.core.files.store import Key
from api.core.permissions import Permission
from api.schemas.files import Arrival, FilePlace, FileRead, FilesCreate, UploadedFiles, read_checksum
from api.schemas.uploads import read_media_type
from api.services import access
from api.services.idempotency import idempotent, was_done
from api.services.new_files import Kept, bytes_in, erase, erase_unused, find_place, in_time, keep_files
from db.engine import Database
from db.models.base import new_id
from db.turns import Caller
from db.unit_of_work import ReadUnit, UnitOfWork

FILES = "files"
_CHECKSUM = "sha256"


@dataclass(frozen=True)
class FormUpload:
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


async def upload_files(database: Database, actor: Actor, upload: FormUpload, *, rules: FileRules) -> UploadedFiles:
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
        async with in_time():
            await _take_in(database, actor, upload, intake, rules)
    except BaseException:
        await erase(rules, intake.keys)
        raise
    data = FilesCreate(place=intake.place, files=intake.arrivals)
    try:
        async with database.write(upload.caller) as uow:
            uow.idempotency_key = upload.idempotency_key
            answer = await create_files(uow, actor, data, [key.blob_id for key in intake.keys], rules=rules)
    except AppError:
        await erase_unused(database, upload.caller, rules, intake.keys)
        raise
    await erase_unused(database, upload.caller, rules, intake.keys)
    return answer


@idempotent
async def create_files(
    uow: UnitOfWork, actor: Actor, data: FilesCreate, blob_ids: Sequence[UUID], *, rules: FileRules
) -> UploadedFiles:
    """Make files of bytes that are in the store under these ids; bytes that the workspace keeps already are shared.

    Raises:
        AppError: as `upload_files`; CONFLICT if the item or message has too many files.
    """
    kept = [Kept(new_id(), blob_id, one) for one, blob_id in zip(data.files, blob_ids, strict=True)]
    rows = await keep_files(uow, actor, data.place, kept, rules=rules)
    return UploadedFiles(data=[FileRead.model_validate(row) for row in rows])


async def _take_in(database: Database, actor: Actor, upload: FormUpload, intake: _Intake, rules: FileRules) -> None:
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


async def _admit(uow: ReadUnit, actor: Actor, upload: FormUpload, intake: _Intake) -> None:
    """Refuse who may not upload there; what was done before may be sent again, whatever has become of the place."""
    wanted = intake.place
    if upload.idempotency_key is not None and await was_done(uow, actor, upload.idempotency_key):
        intake.workspace_id = access.or_personal(actor, wanted.workspace_id)
        return
    place = await find_place(uow, actor, wanted)
    await access.check(uow, actor, place.workspace_id, Permission.WRITE, to_write=True)
    intake.workspace_id = place.workspace_id
    intake.used = await bytes_in(uow, place.workspace_id)


def _checksum(text: str) -> str:
    try:
        return read_checksum(text)
    except ValueError as error:
        raise invalid([(_CHECKSUM, str(error))]) from error


def _declared(media_type: str | None) -> str | None:
    """Return what the client calls the bytes; None of what cannot be a media type."""
    try:
        return read_media_type(media_type or "")
    except ValueError:
        return None
