"""Where the bytes of files are kept: a folder, or a bucket of anything that speaks S3."""

import asyncio
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import UUID, uuid4

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from api.core.errors import AppError, ErrorCode

PART_BYTES = 5 * 1024 * 1024
"""The smallest part that S3 takes of an upload in parts, but for the last one."""

MOST_PARTS = 10_000
"""So many parts S3 takes of one upload."""

FOLDER_PART_BYTES = 1024 * 1024
"""So much is written at once to a folder."""

PARTS_AT_ONCE = 2
WINDOW_BYTES, FOLDER_WINDOW_BYTES = 1024 * 1024, 256 * 1024
"""So much is fetched at once of what is read: a slow reader holds that in memory, and no connection."""

PRIVATE_FOLDER = 0o700

_PATIENCE: Any = {"timeout": timedelta(seconds=60), "connect_timeout": timedelta(seconds=5)}
_RETRIES: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=20)}
# No room on the disk, in the quota of the user, or in a file of this process (ENOSPC, EDQUOT, EFBIG).
_NO_SPACE = re.compile(r"os error (28|122|27)\b")
# How the library calls a file that is not whole yet.
_UNFINISHED = re.compile(r".+#[0-9]+")


class StoreError(AppError):
    """The store cannot be used; the cause is for the log and for start-up, and never for clients."""

    def __init__(self, message: str, cause: str) -> None:
        super().__init__(ErrorCode.UNAVAILABLE, message)
        self.cause = cause


class BytesMissingError(Exception):
    """The store has nothing under a key: its bytes were lost, or deleted meanwhile."""


@dataclass(frozen=True)
class Key:
    """Where bytes are: a workspace's folder, and a name that nothing else ever had."""

    workspace_id: UUID
    blob_id: UUID

    def __str__(self) -> str:
        """Return its path in the store."""
        return f"{self.workspace_id.hex}/{self.blob_id.hex}"

    @classmethod
    def parse(cls, path: str) -> "Key | None":
        """Return the key that a path is; None of anything else in the store."""
        found = re.fullmatch("([0-9a-f]{32})/([0-9a-f]{32})", path)
        return cls(UUID(found[1]), UUID(found[2])) if found else None


@dataclass(frozen=True)
class Stored:
    """What the store has under a key: so many bytes, whole since then."""

    key: Key
    size: int
    since: datetime


class FileStore:
    """The bytes of an installation. Its keys are never used again, so what is there under one never changes."""

    def __init__(self, url: str | None, folder: Path) -> None:
        """Describe the store; nothing is made, and nobody asked.

        Args:
            url: `file:///path`, or `s3://key:secret@bucket/prefix?endpoint=…&region=…`; None for the folder.
            folder: where bytes are kept if there is no URL.

        Raises:
            ValueError: the URL is not valid, with what is wrong with it.
        """
        self.folder: Path | None = folder
        self._bucket: LocalStore | S3Store | None = None
        if url is not None:
            parts = urlsplit(url)
            if parts.scheme == "file":
                self.folder = _folder_of(url)
            else:
                self.folder, self._bucket = None, _store_of(read_bucket(url))
        self.where = str(self.folder) if self.folder is not None else f"the bucket {urlsplit(url or '').hostname}"

    @property
    def _store(self) -> LocalStore | S3Store:
        if self._bucket is None:
            # Only now: a folder must be there.
            assert self.folder is not None  # noqa: S101 - as the constructor has it
            self.folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            self._bucket = LocalStore(self.folder)
        return self._bucket

    async def check(self) -> None:
        """Write, read and delete a few bytes.

        Raises:
            StoreError: that is not possible.
        """
        path = f"check-{uuid4().hex}"
        try:
            await obstore.put_async(self._store, path, b"Twofold")
            await obstore.delete_async(self._store, path)
        except (BaseError, OSError) as error:
            raise _unusable(error) from error

    async def put(self, key: Key, pieces: AsyncIterator[bytes], *, most: int = 0) -> None:
        """Keep bytes as they come. They are there once they are whole, and then for good; or nothing is.

        Args:
            key: nothing is there yet.
            pieces: the bytes.
            most: so many there may be, at most.

        Raises:
            StoreError: the store cannot be used, or is full.
            Exception: whatever the iterator raises.
        """
        part = FOLDER_PART_BYTES if self.folder is not None else max(PART_BYTES, -(-most // MOST_PARTS))
        failures: list[Exception] = []

        async def watched() -> AsyncGenerator[bytes, None]:
            try:
                async for piece in pieces:
                    yield piece
            except Exception as error:
                failures.append(error)
                raise

        try:
            await asyncio.ensure_future(
                obstore.put_async(self._store, str(key), watched(), chunk_size=part, max_concurrency=PARTS_AT_ONCE)
            )
            if self.folder is not None:
                await asyncio.to_thread(_sync, self.folder / str(key))
        except Exception as error:
            if failures:
                raise failures[0] from None
            if isinstance(error, BaseError | OSError):
                raise _unusable(error) from error
            raise

    async def put_whole(self, key: Key, content: bytes) -> None:
        """Keep bytes that are at hand, as `put` does.

        Raises:
            StoreError: as `put`.
        """

        async def piece() -> AsyncGenerator[bytes, None]:
            yield content

        await self.put(key, piece())

    async def read(self, key: Key, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from `start` to before `end`.

        Raises:
            BytesMissingError: there are none.
            StoreError: the store cannot be used.
        """
        most = WINDOW_BYTES if self.folder is None else FOLDER_WINDOW_BYTES
        for window in range(start, end, most):
            try:
                piece = await obstore.get_range_async(self._store, str(key), start=window, end=min(window + most, end))
            except FileNotFoundError as error:
                raise BytesMissingError(str(key)) from error
            except (BaseError, OSError) as error:
                raise _unusable(error) from error
            yield bytes(piece)

    async def size_of(self, key: Key) -> int | None:
        """Return how many bytes are there under a key; None if nothing is.

        Raises:
            StoreError: the store cannot be used.
        """
        try:
            return (await obstore.head_async(self._store, str(key)))["size"]
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as error:
            raise _unusable(error) from error

    async def delete(self, keys: Sequence[Key]) -> None:
        """Delete what is there under these keys; nothing may be.

        Raises:
            StoreError: the store cannot be used.
        """
        for key in keys:
            try:
                await obstore.delete_async(self._store, str(key))
            except FileNotFoundError:
                continue
            except (BaseError, OSError) as error:
                raise _unusable(error) from error

    async def list(self, workspace_id: UUID | None = None) -> AsyncGenerator[Sequence[Stored], None]:
        """Yield all that is there, or all of a workspace, some at a time. What is not whole is not there yet.

        Raises:
            StoreError: the store cannot be used.
        """
        prefix = None if workspace_id is None else workspace_id.hex
        pages = obstore.list(self._store, prefix, chunk_size=500).__aiter__()
        while True:
            try:
                page = await anext(pages)
            except StopAsyncIteration:
                return
            except (BaseError, OSError) as error:
                raise _unusable(error) from error
            keys = [(Key.parse(entry["path"]), entry) for entry in page]
            yield [Stored(key, entry["size"], entry["last_modified"]) for key, entry in keys if key is not None]

    async def remove_unfinished(self, before: datetime) -> int:
        """Remove what was never finished, because a process was killed, and return how many files that were.

        In a folder only: what a bucket has of these, its own rules for unfinished uploads remove.
        """
        return 0 if self.folder is None else await asyncio.to_thread(_remove_unfinished, self.folder, before)


def _unusable(error: Exception) -> StoreError:
    cause = str(error).partition("\n")[0]
    if _NO_SPACE.search(str(error)):
        return StoreError("The disk of the store of files is full. Nothing was kept.", cause)
    return StoreError("The store of files does not answer. Try again in a moment.", cause)


def _sync(path: Path) -> None:
    """Have the disk keep a file and its name, whatever happens to the machine from now on."""
    for place in (path, path.parent, path.parent.parent):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove_unfinished(folder: Path, before: datetime) -> int:
    removed = 0
    for path in folder.glob("*/*#*"):
        with suppress(FileNotFoundError):
            changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            if _UNFINISHED.fullmatch(path.name) and changed < before:
                path.unlink()
                removed += 1
    return removed


def _folder_of(url: str) -> Path:
    parts = urlsplit(url)
    path = Path(unquote(parts.path))
    if parts.netloc or not path.is_absolute() or parts.query:
        raise ValueError("of a folder it must be file:// and an absolute path, such as file:///srv/files")
    return path


@dataclass(frozen=True)
class Bucket:
    """A bucket of something that speaks S3, and how it is reached."""

    name: str
    prefix: str | None
    endpoint: str | None
    region: str | None
    key: str | None
    secret: str | None

    def path(self, key: Key) -> str:
        """Return the path of bytes in it."""
        return f"{self.prefix}/{key}" if self.prefix else str(key)


def read_bucket(url: str) -> Bucket:
    """Return the bucket that a URL names.

    Raises:
        ValueError: the URL is not valid, with what is wrong with it.
    """
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.hostname:
        raise ValueError("it must be s3:// and the name of a bucket, or file:// and an absolute path")
    options = dict(parse_qsl(parts.query))
    if unknown := options.keys() - {"endpoint", "region"}:
        raise ValueError(f"{min(unknown)} is unknown; it may say endpoint and region")
    endpoint = options.get("endpoint")
    if endpoint is not None and not endpoint.startswith(("http://", "https://")):
        raise ValueError("the endpoint must begin with http:// or https://")
    if (parts.username is None) is not (parts.password is None):
        raise ValueError("it must name a key and its secret, or neither of them")
    key, secret = [None if part is None else unquote(part) for part in (parts.username, parts.password)]
    return Bucket(parts.hostname, unquote(parts.path).strip("/") or None, endpoint, options.get("region"), key, secret)


def _store_of(bucket: Bucket) -> S3Store:
    given = {
        "endpoint": bucket.endpoint,
        "region": bucket.region,
        "access_key_id": bucket.key,
        "secret_access_key": bucket.secret,
    }
    config: Any = {name: value for name, value in given.items() if value is not None}
    patience = _PATIENCE | {"allow_http": (bucket.endpoint or "").startswith("http://")}
    return S3Store(bucket.name, prefix=bucket.prefix, config=config, client_options=patience, retry_config=_RETRIES)
