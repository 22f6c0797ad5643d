"""Uploads with a ticket: a file is promised, its bytes are brought by whoever has the ticket, and then it is there."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from api.core.actor import Actor, Anonymous, UserActor, require_user
from api.core.errors import AppError, conflict, not_found, unauthenticated
from api.core.files.rules import FileRules
from api.core.files.store import Key
from api.core.permissions import Permission
from api.core.seals import SealError
from api.schemas.files import FilePlace
from api.schemas.uploads import PUT, FileStatus, PendingFile, UploadCreate, UploadHeader, UploadRead
from api.services import access, auth
from api.services.attachments import erase_after_commit
from api.services.idempotency import idempotent
from api.services.new_files import Kept, bytes_in, enter_place, keep_files
from db.clock import utc_now
from db.models import File, Upload
from db.models.base import new_id
from db.repositories import uploads
from db.unit_of_work import ReadUnit, UnitOfWork

LIFETIME = timedelta(days=1)
"""So long bytes are waited for: the first ones, and after each part that arrives the next ones."""

MAX_OPEN = 100
"""Uploads of a user whose file is not there yet."""

_ANY_TYPE = "application/octet-stream"


@dataclass(frozen=True)
class Bearer:
    """An upload, and by whose rights it is brought: those of who promised it, as they stand now."""

    upload: Upload
    actor: UserActor


async def create_upload(
    uow: UnitOfWork, actor: Actor, data: UploadCreate, *, rules: FileRules, tus_metadata: str | None = None
) -> UploadRead:
    """Promise a file, for editors, and return where its bytes are to be sent.

    Raises:
        AppError: PAYLOAD_TOO_LARGE if there will be no room for it; CONFLICT in the trash, or if too many of the
            caller's files are promised; and as `upload_files`.
    """
    user = require_user(actor)
    place = await enter_place(uow, actor, data)
    if data.size > rules.max_size:
        raise rules.too_large()
    rules.check_quota(await bytes_in(uow, place.workspace_id), data.size)
    now = utc_now()
    if await uploads.count_open(uow.session, user.id, now) >= MAX_OPEN:
        raise conflict(
            f"You have {MAX_OPEN} uploads that are not complete: complete or delete some, or wait a day.",
            maximum=MAX_OPEN,
        )
    upload = Upload(
        id=new_id(),
        workspace_id=place.workspace_id,
        item_id=place.item_id,
        message_id=place.message_id,
        owner_id=user.id,
        key_id=user.key_id,
        name=data.name,
        size=data.size,
        declared_media_type=data.media_type,
        sha256=data.sha256,
        tus_metadata=tus_metadata,
        received=0,
        created_at=now,
        expires_at=now + LIFETIME,
    )
    await uow.session.insert(upload)
    return shown(upload, rules)


def incoming(upload: Upload) -> Key:
    """Return where the bytes of an upload come in that a client writes into the bucket itself."""
    return Key(upload.workspace_id, upload.id)


async def get_upload(uow: ReadUnit, actor: Actor, upload_id: UUID, *, rules: FileRules) -> UploadRead:
    """Return how far an upload of the caller's is."""
    return shown(await own_upload(uow, actor, upload_id), rules)


@idempotent
async def delete_upload(
    uow: UnitOfWork, actor: Actor, upload_id: UUID, *, ticket: str | None = None, rules: FileRules
) -> None:
    """Give up an upload, of the caller's or by its ticket, with what has arrived of it. A file that came of it stays.

    Raises:
        AppError: as `bear`.
    """
    owner = (await bear(uow, actor, upload_id, ticket, rules=rules)).actor
    # Whoever waits for its turn in a workspace must hold no connection meanwhile.
    await uow.session.release()
    await access.enter(uow, owner, uploads.workspace_of(upload_id), Permission.READ, what="upload")
    await _forget(uow, await own_upload(uow, owner, upload_id))


async def purge_upload(uow: UnitOfWork, actor: Actor, upload_id: UUID) -> bool:
    """Forget an upload that has expired, with what has arrived of it, and return whether it had.

    Raises:
        AppError: NOT_FOUND if somebody else did.
    """
    await access.enter(uow, actor, uploads.workspace_of(upload_id), Permission.MANAGE, what="upload")
    upload = await uploads.find(uow.session, actor.scope(), upload_id)
    if upload is None:
        raise _no_upload()
    # A part may have prolonged it since it was found.
    if upload.expires_at > utc_now():
        return False
    await _forget(uow, upload)
    return True


async def bear(uow: ReadUnit, actor: Actor, upload_id: UUID, ticket: str | None, *, rules: FileRules) -> Bearer:
    """Return an upload to whoever has its ticket, or without one to who promised it.

    Raises:
        AppError: UNAUTHENTICATED if the ticket does not count, and NOT_FOUND without the upload or if it has expired.
    """
    if ticket is None:
        return Bearer(await own_upload(uow, actor, upload_id), require_user(actor))
    try:
        is_for_it = rules.tickets.read(ticket) == upload_id
    except SealError:
        raise unauthenticated("The ticket is not valid.") from None
    if not is_for_it:
        raise unauthenticated("The ticket is for another upload.")
    upload = await uploads.find_any(uow.session, upload_id)
    if upload is None or upload.expires_at <= utc_now():
        raise _no_upload()
    owner = await auth.recall(uow, upload.owner_id, upload.key_id)
    if isinstance(owner, Anonymous):
        raise unauthenticated("Who promised this file may not bring it any more.")
    return Bearer(upload, require_user(owner))


async def finish_upload(uow: UnitOfWork, actor: Actor, kept: Kept, *, rules: FileRules) -> File:
    """Make a file of an upload whose bytes are all in the store; its parts are erased after the commit.

    Raises:
        AppError: CONFLICT if it was done already; and as `upload_files`.
    """
    upload = await open_upload(uow, actor, kept.id)
    place = FilePlace(workspace_id=upload.workspace_id, item_id=upload.item_id, message_id=upload.message_id)
    [file] = await keep_files(uow, actor, place, [kept], rules=rules)
    upload.received, upload.completed_at = upload.size, utc_now()
    await _erase_parts(uow, upload)
    await uow.session.flush()
    return file


async def open_upload(uow: UnitOfWork, actor: Actor, upload_id: UUID) -> Upload:
    """Return an upload that is not complete, its workspace locked and the right to write there checked.

    Raises:
        AppError: NOT_FOUND if it is gone or has expired; CONFLICT if it is complete.
    """
    await access.enter(uow, actor, uploads.workspace_of(upload_id), Permission.WRITE, what="upload")
    upload = await own_upload(uow, actor, upload_id)
    refuse_complete(upload)
    return upload


def refuse_complete(upload: Upload) -> None:
    """Refuse to take bytes of a file that is there.

    Raises:
        AppError: CONFLICT.
    """
    if upload.completed_at is not None:
        raise conflict("The upload is complete: its ticket was used.")


def shown(upload: Upload, rules: FileRules) -> UploadRead:
    """Return an upload as its owner sees it."""
    status = FileStatus.PENDING if upload.completed_at is None else FileStatus.READY
    url, headers = rules.tickets.address(upload.id), []
    # A client of tus speaks to us, and nothing needs no bucket.
    if rules.signer is not None and upload.tus_metadata is None and upload.size:
        url = rules.signer.writing(incoming(upload), upload.size, upload.expires_at - utc_now())
    else:
        headers.append(UploadHeader(name="Content-Type", value=upload.declared_media_type or _ANY_TYPE))
    return UploadRead(
        id=upload.id,
        url=url,
        method=PUT,
        headers=headers,
        size=upload.size,
        received=upload.received,
        expires_at=upload.expires_at,
        file=PendingFile(id=upload.id, status=status),
    )


async def own_upload(uow: ReadUnit, actor: Actor, upload_id: UUID) -> Upload:
    """Return an upload of the caller's that has not expired.

    Raises:
        AppError: NOT_FOUND.
    """
    upload = await uploads.find(uow.session, actor.scope(), upload_id)
    if upload is None or upload.owner_id != actor.user_id or upload.expires_at <= utc_now():
        raise _no_upload()
    return upload


async def _forget(uow: UnitOfWork, upload: Upload) -> None:
    await _erase_parts(uow, upload)
    await uow.session.delete(upload)


async def _erase_parts(uow: UnitOfWork, upload: Upload) -> None:
    part_ids = await uploads.delete_parts(uow.session, upload.id)
    await erase_after_commit(uow, upload.workspace_id, part_ids)


def _no_upload() -> AppError:
    return not_found("upload")
