"""Bringing the bytes of an upload: all at once, or in parts that stay although the connection breaks."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from api.core.actor import Actor, require_user
from api.core.errors import AppError, ErrorCode, conflict, invalid
from api.core.files.receiving import in_pieces, receive
from api.core.files.rules import FileRules
from api.core.files.store import BytesMissingError, Key
from api.core.permissions import Permission
from api.schemas.files import Arrival, FileRead
from api.services import access
from api.services.files import get_file
from api.services.new_files import Kept, bytes_in, erase, erase_unused, in_time
from api.services.upload_tickets import (
    LIFETIME,
    Bearer,
    delete_upload,
    finish_upload,
    incoming,
    open_upload,
    own_upload,
    refuse_complete,
)
from db.clock import utc_now
from db.engine import Database
from db.models import Upload, UploadPart
from db.models.base import new_id
from db.repositories import uploads
from db.unit_of_work import UnitOfWork

PART_BYTES = 16 * 1024 * 1024
"""So much is kept at once: what was brought since then is lost if the server is killed, and is brought again."""

MAX_PARTS = 10_000
"""Parts of an upload, however short: each is a row, and bytes of its own in the store."""


@dataclass(frozen=True)
class Progress:
    """How far an upload is, and until when it is waited for."""

    offset: int
    expires_at: datetime


@dataclass(frozen=True)
class Checksum:
    """What a client says of the bytes of one request."""

    algorithm: str
    """As `hashlib` knows it."""
    digest: bytes


async def put_upload(
    database: Database, bearer: Bearer, chunks: AsyncIterator[bytes], *, announced: int | None, rules: FileRules
) -> FileRead:
    """Take all bytes of an upload, and return the file that it is now. What came in parts before does not count.

    Args:
        database: where files are.
        bearer: the upload, and by whose rights it is brought.
        chunks: the bytes as they arrive.
        announced: how many there will be, if the client says so.
        rules: what is allowed.

    Raises:
        AppError: CONFLICT if it was complete before; VALIDATION_ERROR for another number of bytes than was
            promised, or another checksum; and as `upload_files`. The upload may be tried again then.
    """
    upload = bearer.upload
    refuse_complete(upload)
    if announced not in (None, upload.size):
        raise _other_size(upload)
    return await _keep_whole(database, bearer, _exactly(chunks, upload), rules)


async def complete_upload(database: Database, actor: Actor, upload_id: UUID, *, rules: FileRules) -> FileRead:
    """Return the file that came of an upload of the caller's, or comes of it now from what is in the bucket.

    Raises:
        AppError: CONFLICT if its bytes are not all there; else as `put_upload`.
    """
    caller = actor.user_id
    async with database.read(caller) as uow:
        upload = await own_upload(uow, actor, upload_id)
        if upload.completed_at is not None:
            return FileRead.model_validate(await get_file(uow, actor, upload_id))
    there = await rules.store.size_of(incoming(upload)) if rules.signer is not None else None
    if there is None:
        raise conflict(
            f"{upload.received} of {upload.size} bytes have arrived: send the others to the upload's url.",
            received=upload.received,
            size=upload.size,
        )
    # What comes in by a signature may be written again and again until that expires: the file has bytes of its own.
    chunks = _exactly(_read([(incoming(upload), there)], rules), upload)
    try:
        file = await _keep_whole(database, Bearer(upload, require_user(actor)), chunks, rules)
    except AppError as error:
        if error.code is not ErrorCode.CONFLICT:
            raise
        # Perhaps the same request was faster.
        async with database.read(caller) as uow:
            if (await own_upload(uow, actor, upload_id)).completed_at is None:
                raise
            file = FileRead.model_validate(await get_file(uow, actor, upload_id))
    await erase(rules, [incoming(upload)])
    return file


async def append_to_upload(
    database: Database,
    bearer: Bearer,
    chunks: AsyncIterator[bytes],
    *,
    offset: int,
    checksum: Checksum | None,
    rules: FileRules,
) -> Progress:
    """Take the next bytes of an upload, and return how far it is. With the last ones it becomes a file.

    Of a request that breaks off, what had arrived is kept; of one with a checksum all is, or nothing.

    Raises:
        AppError: CONFLICT if `offset` is not where the upload ends now, or if it was complete before;
            CHECKSUM_MISMATCH; PAYLOAD_TOO_LARGE for more bytes than were promised; and as `upload_files`, if all have
            come and cannot be kept: then the upload is given up.
        Exception: what the chunks raised, once what they had brought is kept.
    """
    upload = bearer.upload
    refuse_complete(upload)
    if offset != upload.received:
        raise _other_offset(upload)
    async with database.read(bearer.actor.id) as uow:
        await access.check(uow, bearer.actor, upload.workspace_id, Permission.WRITE, to_write=True)
    body = _Body(chunks, upload, checksum)
    progress = Progress(upload.received, upload.expires_at)
    pending: list[UploadPart] = []
    try:
        async with in_time():
            while not body.is_over:
                start = progress.offset + sum(part.size for part in pending)
                pending += await _keep_part(bearer, body, start, rules)
                if checksum is None and pending:
                    progress = await _note(database, bearer, pending, rules)
                    pending = []
            body.check()
            if pending and body.failure is None:
                progress = await _note(database, bearer, pending, rules)
                pending = []
    finally:
        await erase(rules, [_key(part) for part in pending])
    if body.failure is not None:
        raise body.failure
    return progress


class _Body:
    """The bytes of a request, part by part, and what became of it."""

    def __init__(self, chunks: AsyncIterator[bytes], upload: Upload, checksum: Checksum | None) -> None:
        self.is_over = False
        self.failure: Exception | None = None
        """Why no more comes, although more should."""
        self._chunks = aiter(chunks)
        self._next = b""
        self._left = upload.size - upload.received
        self._upload = upload
        self._checksum = checksum
        self._sum = hashlib.new(checksum.algorithm) if checksum else None

    async def part(self) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of the next part.

        Raises:
            AppError: PAYLOAD_TOO_LARGE if more has come than was promised.
        """
        room = PART_BYTES
        while room and not self.is_over:
            chunk, self._next = self._next[:room], self._next[room:]
            room -= len(chunk)
            self._left -= len(chunk)
            if chunk:
                if self._sum is not None:
                    # In a thread: all others would wait for it.
                    await asyncio.to_thread(self._sum.update, chunk)
                yield chunk
            if not self._next:
                await self._fetch()

    def check(self) -> None:
        """Refuse bytes that are not those that were meant.

        Raises:
            AppError: CHECKSUM_MISMATCH.
        """
        if self._checksum is None or self._sum is None or self.failure is not None:
            return
        if self._sum.digest() != self._checksum.digest:
            raise AppError(ErrorCode.CHECKSUM_MISMATCH, "The bytes do not have the checksum that was sent with them.")

    async def _fetch(self) -> None:
        """Have the next chunk at hand, or know that there is none: a part that is noted may be the last one."""
        try:
            while not self._next:
                self._next = await anext(self._chunks)
        except StopAsyncIteration:
            self.is_over = True
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised once the bytes are kept
            self.is_over, self.failure = True, error
        if len(self._next) > self._left:
            raise _too_much(self._upload)


async def _keep_part(bearer: Bearer, body: _Body, start: int, rules: FileRules) -> Sequence[UploadPart]:
    """Put the next part into the store, if there is one."""
    upload, size = bearer.upload, 0
    key = Key(upload.workspace_id, new_id())

    async def counted() -> AsyncGenerator[bytes, None]:
        nonlocal size
        async for chunk in body.part():
            size += len(chunk)
            yield chunk

    await rules.store.put(key, in_pieces(counted()), most=PART_BYTES)
    if not size:
        await erase(rules, [key])
        return []
    return [UploadPart(id=key.blob_id, upload_id=upload.id, workspace_id=upload.workspace_id, start=start, size=size)]


async def _note(database: Database, bearer: Bearer, parts: Sequence[UploadPart], rules: FileRules) -> Progress:
    """Let parts count. The last ones do only together with the file: all bytes are never there without it."""
    upload, end = bearer.upload, parts[-1].start + parts[-1].size
    if end < upload.size:
        async with database.write(bearer.actor.id) as uow:
            return await _note_parts(uow, bearer, parts, rules)
    async with database.read(bearer.actor.id) as uow:
        earlier = await uploads.parts_of(uow.session, upload.id)
    if sum(part.size for part in earlier) != parts[0].start:
        raise _other_offset(upload)
    try:
        places = [(_key(part), part.size) for part in (*earlier, *parts)]
        await _keep_whole(database, bearer, _read(places, rules), rules)
    except AppError as error:
        if error.code in (ErrorCode.VALIDATION_ERROR, ErrorCode.UNSUPPORTED_MEDIA_TYPE):
            async with database.write(bearer.actor.id) as uow:
                await delete_upload(uow, bearer.actor, upload.id, rules=rules)
        raise
    finally:
        await erase(rules, [_key(part) for part in parts])
    return Progress(end, upload.expires_at)


async def _note_parts(uow: UnitOfWork, bearer: Bearer, parts: Sequence[UploadPart], rules: FileRules) -> Progress:
    upload = await open_upload(uow, bearer.actor, bearer.upload.id)
    if upload.received != parts[0].start:
        raise _other_offset(upload)
    if await uploads.count_parts(uow.session, upload.id) + len(parts) > MAX_PARTS:
        raise conflict(f"The upload would have more than {MAX_PARTS} parts; send longer ones.", maximum=MAX_PARTS)
    rules.check_quota(await bytes_in(uow, upload.workspace_id), sum(part.size for part in parts))
    await uow.session.insert(*parts)
    upload.received, upload.expires_at = parts[-1].start + parts[-1].size, utc_now() + LIFETIME
    await uow.session.flush()
    return Progress(upload.received, upload.expires_at)


async def _read(places: Sequence[tuple[Key, int]], rules: FileRules) -> AsyncGenerator[bytes, None]:
    """Yield what is in the store at some places, one after the other."""
    try:
        for key, size in places:
            async for piece in rules.store.read(key, 0, size):
                yield piece
    except BytesMissingError as error:
        # Somebody has given it up meanwhile, or completed it.
        raise conflict("What had arrived of the upload is gone: send it again.") from error


async def _exactly(chunks: AsyncIterator[bytes], upload: Upload) -> AsyncGenerator[bytes, None]:
    """Yield as many bytes as were promised, and refuse more and fewer."""
    left = upload.size
    async for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            raise _too_much(upload)
        yield chunk
    if left:
        raise _other_size(upload)


async def _keep_whole(database: Database, bearer: Bearer, chunks: AsyncIterator[bytes], rules: FileRules) -> FileRead:
    """Put all bytes of an upload into the store, and make the file of them."""
    upload, actor = bearer.upload, bearer.actor
    async with database.read(actor.id) as uow:
        await access.check(uow, actor, upload.workspace_id, Permission.WRITE, to_write=True)
        used = await bytes_in(uow, upload.workspace_id, but_of=upload.id)
    key = Key(upload.workspace_id, new_id())
    async with in_time():
        received = await receive(chunks, key, rules, used=used, expected_sum=upload.sha256)
    arrival = Arrival(
        name=upload.name,
        size=received.size,
        sha256=received.sha256,
        media_type=received.media_type,
        declared_media_type=upload.declared_media_type,
    )
    try:
        async with database.write(actor.id) as uow:
            file = await finish_upload(uow, actor, Kept(upload.id, key.blob_id, arrival), rules=rules)
            answer = FileRead.model_validate(file)
    except AppError:
        await erase_unused(database, actor.id, rules, [key])
        raise
    await erase_unused(database, actor.id, rules, [key])
    return answer


def _key(part: UploadPart) -> Key:
    return Key(part.workspace_id, part.id)


def _other_size(upload: Upload) -> AppError:
    return invalid([("size", f"It was promised to have {upload.size} bytes")])


def _other_offset(upload: Upload) -> AppError:
    return conflict(f"{upload.received} bytes have arrived: go on there.", received=upload.received)


def _too_much(upload: Upload) -> AppError:
    return AppError(
        ErrorCode.PAYLOAD_TOO_LARGE,
        f"The file was promised to have {upload.size} bytes, and more have come.",
        limit="upload_size",
        maximum=upload.size,
    )
