"""Comparing the bytes in the store with what the database says of them, both ways."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import structlog

from api.core.files.store import FileStore, Key, Stored
from api.services.new_files import MOST_TIME
from db.clock import utc_now
from db.engine import Database
from db.repositories import blobs, thumbnails, uploads

logger = structlog.get_logger("twofold.files")

GRACE = 2 * MOST_TIME
"""Bytes that are younger may belong to an upload that is not at its end."""

BATCH = 500
_FIRST = UUID(int=0)

Step = Callable[[int], None]
"""Told how many more were looked at."""


@dataclass
class Findings:
    """What a comparison found."""

    checked: int = 0
    """Bytes that the database knows of."""
    missing: list[Key] = field(default_factory=list)
    """Known to the database, and not in the store."""
    damaged: list[Key] = field(default_factory=list)
    """In the store with another size than the database says."""
    removed: int = 0
    """In the store and unknown to the database for longer than any upload takes, or never finished: removed."""
    removed_bytes: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether everything that the database knows of is there."""
        return not self.missing and not self.damaged


async def check_files(
    database: Database, store: FileStore, *, grace: timedelta = GRACE, step: Step = lambda _: None
) -> Findings:
    """Compare both sides, remove what is safe to remove, and report what only a person can mend.

    Of both sides some is read at a time, however much there is.

    Raises:
        StoreError: the store cannot be used.
    """
    findings, before = Findings(), utc_now() - grace
    async for page in store.list():
        step(len(page))
        await _remove_orphans(database, store, [one for one in page if one.since < before], findings)
    findings.removed += await store.remove_unfinished(before)
    last = _FIRST
    while True:
        async with database.read() as uow:
            known = await blobs.after(uow.session, last, BATCH)
        if not known:
            break
        for blob_id, extent in known.items():
            await _look(database, store, Key(extent.workspace_id, blob_id), extent.size, findings)
        last = max(known)
        step(len(known))
    await _forget_lost_thumbnails(database, store)
    return findings


async def _forget_lost_thumbnails(database: Database, store: FileStore) -> None:
    """Forget thumbnails whose bytes are gone, so that they are made anew."""
    last = _FIRST
    while True:
        async with database.read() as uow:
            made = await thumbnails.after(uow.session, last, BATCH)
        if not made:
            return
        for one in made:
            if one.stored_id is not None and await store.size_of(Key(one.workspace_id, one.stored_id)) is None:
                async with database.write() as unit:
                    await thumbnails.forget(unit.session, [one.blob_id])
        last = made[-1].blob_id


async def _remove_orphans(database: Database, store: FileStore, old: Sequence[Stored], findings: Findings) -> None:
    async with database.read() as uow:
        ids = [one.key.blob_id for one in old]
        known = {
            **await blobs.of(uow.session, ids),
            **await uploads.parts_among(uow.session, ids),
            **await thumbnails.among(uow.session, ids),
        }
    orphans = [one for one in old if not _is_known(one, known)]
    await store.delete([one.key for one in orphans])
    findings.removed += len(orphans)
    findings.removed_bytes += sum(one.size for one in orphans)


def _is_known(stored: Stored, known: blobs.Extents) -> bool:
    extent = known.get(stored.key.blob_id)
    return extent is not None and extent.workspace_id == stored.key.workspace_id


async def _look(database: Database, store: FileStore, key: Key, size: int, findings: Findings) -> None:
    findings.checked += 1
    found = await store.size_of(key)
    if found == size:
        return
    # It may have gone meanwhile, row first.
    async with database.read() as uow:
        if await blobs.of(uow.session, [key.blob_id]):
            (findings.missing if found is None else findings.damaged).append(key)


def report(findings: Findings) -> None:
    """Tell the log what was found, for whoever reads it in the morning."""
    for problem, keys in (("missing", findings.missing), ("damaged", findings.damaged)):
        for key in keys:
            logger.error("the bytes of a file are lost", problem=problem, key=str(key))
    if findings.removed:
        logger.info("bytes without a file were removed", files=findings.removed, bytes=findings.removed_bytes)
