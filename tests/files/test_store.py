"""What a store keeps, of either kind: all of something or nothing, and nothing in the place of something else."""

import os
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest

from api.core.files.store import BytesMissingError, FileStore, Key, StoreError
from db.clock import utc_now
from tests.live import free_port

MIB = 1024 * 1024
CONTENT = os.urandom(11 * MIB + 3)
"""In a bucket these are three parts."""


class StopError(Exception):
    """What the sender of bytes breaks off with."""


async def in_pieces(content: bytes, *, size: int = 300_000, stop: bool = False) -> AsyncIterator[bytes]:
    """Yield bytes as they would come, and at last break off."""
    for start in range(0, len(content), size):
        yield content[start : start + size]
    if stop:
        raise StopError


def key() -> Key:
    """Return a key that nothing has."""
    return Key(uuid4(), uuid4())


async def read(store: FileStore, where: Key, start: int, end: int) -> bytes:
    """Return bytes that are there."""
    return b"".join([piece async for piece in store.read(where, start, end)])


async def keys(store: FileStore, workspace_id: UUID | None = None) -> set[Key]:
    """Return what is there."""
    return {one.key async for page in store.list(workspace_id) for one in page}


async def test_bytes_are_there_as_they_came_until_they_are_deleted(store: FileStore) -> None:
    one, empty = key(), key()
    await store.put(one, in_pieces(CONTENT))
    await store.put(empty, in_pieces(b""))

    assert await read(store, one, 0, len(CONTENT)) == CONTENT
    assert await read(store, one, 5 * MIB - 1, 5 * MIB + 1) == CONTENT[5 * MIB - 1 : 5 * MIB + 1]
    assert await read(store, empty, 0, 0) == b""
    assert (await store.size_of(one), await store.size_of(empty)) == (len(CONTENT), 0)
    assert await keys(store) == {one, empty}
    [stored] = [entry async for page in store.list(one.workspace_id) for entry in page]
    assert (stored.key, stored.size) == (one, len(CONTENT))
    assert abs(stored.since - utc_now()) < timedelta(minutes=1)

    # What is not there any more is no fault: somebody was faster.
    await store.delete([one, key(), one])
    assert await keys(store) == {empty}
    assert await store.size_of(one) is None
    with pytest.raises(BytesMissingError):
        await read(store, one, 0, 1)


@pytest.mark.parametrize("size", [0, MIB, 6 * MIB])
async def test_of_what_breaks_off_nothing_is_there(store: FileStore, size: int) -> None:
    with pytest.raises(StopError):
        await store.put(one := key(), in_pieces(CONTENT[:size], stop=True))
    assert await keys(store) == set()
    assert await store.size_of(one) is None
    if store.folder is not None:
        assert [path for path in store.folder.rglob("*") if path.is_file()] == []


async def test_what_is_checked_leaves_nothing(store: FileStore) -> None:
    await store.check()
    assert await keys(store) == set()
    if store.folder is not None:
        assert list(store.folder.iterdir()) == []


async def test_what_was_never_finished_is_removed_once_it_is_old(tmp_path: Path) -> None:
    store = FileStore(None, tmp_path)
    await store.put(whole := key(), in_pieces(b"x"))
    folder = tmp_path / str(whole.workspace_id.hex)
    old, young, other = [folder / name for name in (f"{uuid4().hex}#1", f"{uuid4().hex}#2", "notes")]
    for path in (old, young, other):
        path.write_bytes(b"x")
    for path in (old, other, tmp_path / str(whole)):
        os.utime(path, (0, 0))
    assert await keys(store) == {whole}

    assert await store.remove_unfinished(utc_now() - timedelta(days=1)) == 1

    assert not old.exists()
    assert young.exists()
    assert other.exists()
    assert await keys(store) == {whole}


async def test_a_bucket_that_does_not_answer_is_said_to() -> None:
    store = FileStore(f"s3://key:secret@files?endpoint=http://127.0.0.1:{free_port()}&region=x", Path())
    one = key()
    with pytest.raises(StoreError, match=r"^The store of files does not answer\. Try again in a moment\.$") as caught:
        await store.check()
    assert "secret" not in caught.value.cause
    for call in (store.put(one, in_pieces(b"x")), store.size_of(one), store.delete([one]), read(store, one, 0, 1)):
        with pytest.raises(StoreError):
            await call
    with pytest.raises(StoreError):
        await keys(store)


async def test_parts_that_were_sent_before_it_broke_off_are_given_up(s3_address: str, files_url: str) -> None:
    store = FileStore(files_url, Path())
    with pytest.raises(StopError):
        await store.put(key(), in_pieces(CONTENT, stop=True))
    async with httpx.AsyncClient() as client:
        left = (await client.get(f"{s3_address}/files?uploads")).text
    assert re.findall("<Upload>", left) == []


WRONG = {
    "http://files": "it must be s3:// and the name of a bucket, or file:// and an absolute path",
    "files": "it must be s3:// and the name of a bucket, or file:// and an absolute path",
    "s3://": "it must be s3:// and the name of a bucket, or file:// and an absolute path",
    "s3://b?endpoint=minio:9000": "the endpoint must begin with http:// or https://",
    "s3://b?zone=eu": "zone is unknown; it may say endpoint and region",
    "s3://key@b": "it must name a key and its secret, or neither of them",
    "file://files": "of a folder it must be file:// and an absolute path, such as file:///srv/files",
}


@pytest.mark.parametrize("url", WRONG)
def test_what_names_no_store_is_refused_with_what_is_wrong(url: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(WRONG[url])}$"):
        FileStore(url, Path())


def test_a_folder_may_be_named_and_where_bytes_are_is_told_without_secrets(tmp_path: Path) -> None:
    assert FileStore(f"file://{tmp_path}/a%20b", Path()).folder == tmp_path / "a b"
    assert FileStore(None, tmp_path).where == str(tmp_path)
    assert FileStore("s3://key:secret@bucket/prefix?region=x", tmp_path).where == "the bucket bucket"


@pytest.mark.parametrize("text", ["", "a", "../b", f"{'0' * 32}", f"{'0' * 32}/{'0' * 31}", f"{'0' * 32}/{'G' * 32}"])
def test_what_else_is_in_a_store_is_no_key(text: str) -> None:
    assert Key.parse(text) is None
    whole = key()
    assert Key.parse(str(whole)) == whole


async def test_a_folder_has_the_disk_keep_bytes_and_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, key, kept = FileStore(None, tmp_path / "files"), Key(uuid4(), uuid4()), list[Path]()
    fsync = os.fsync

    def note(descriptor: int) -> None:
        kept.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr("api.core.files.store.os.fsync", note)
    await store.put_whole(key, b"x")
    path = tmp_path / "files" / str(key)
    assert kept == [path, path.parent, path.parent.parent]
