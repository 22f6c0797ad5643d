"""Comparing the store with the database: what is removed, what is reported, and how the command tells it."""

import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from api.config import load_settings
from api.core.files.store import FileStore, Key, StoreError
from api.kept_secret import SettingsError
from api.services.work.checking_files import GRACE, check_files, report
from db.engine import Database
from db.models import Blob
from tests.conftest import SECRET
from tests.doors.people import World
from tests.doors.rows import all_rows
from tests.doors.uploading import add_file
from tests.errors.captured_log import captured_log
from tests.live import free_port
from tests.transfer.command import twofold

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def piece(content: bytes = b"x") -> AsyncIterator[bytes]:
    """Yield some bytes."""
    yield content


async def key_of(app: FastAPI, world: World, content: bytes) -> Key:
    """Upload a file, and return where its bytes are."""
    file = await add_file(app, world.editor, content, workspace_id=world.workspace)
    async with app.state.database.read() as uow:
        found = await uow.session.one(select(Blob).where(Blob.sha256 == file.sha256))
    return Key(world.workspace, found.id)


def path_of(app: FastAPI, key: Key) -> Path:
    """Return where bytes are."""
    folder: Path = app.state.file_rules.store.folder
    return folder / str(key)


@SQLITE
async def test_bytes_without_a_row_go_once_no_upload_can_be_theirs(app: FastAPI, world: World) -> None:
    store: FileStore = app.state.file_rules.store
    database: Database = app.state.database
    whole = await key_of(app, world, b"whole")
    # Another workspace's folder may hold the id, too, but not for this row.
    lost, young, stray = Key(uuid4(), uuid4()), Key(uuid4(), uuid4()), Key(uuid4(), whole.blob_id)
    for key in (lost, young, stray):
        await store.put(key, piece(b"123"))
    unfinished = path_of(app, whole).with_name(f"{uuid4().hex}#7")
    unfinished.write_bytes(b"x")
    for path in (path_of(app, lost), path_of(app, stray), path_of(app, whole), unfinished):
        os.utime(path, (0, 0))
    before, steps = await all_rows(app), list[int]()

    findings = await check_files(database, store, step=steps.append)

    assert timedelta(hours=24) <= GRACE
    assert findings.is_whole
    assert (findings.checked, findings.removed, findings.removed_bytes) == (1, 3, 6)
    assert {one.key async for page in store.list() for one in page} == {whole, young}
    assert not unfinished.exists()
    assert await all_rows(app) == before
    assert sum(steps) == 5
    assert (await check_files(database, store, grace=timedelta(0))).removed == 1


@SQLITE
async def test_rows_without_bytes_are_reported_and_stay(app: FastAPI, world: World) -> None:
    gone, short, whole = [await key_of(app, world, content) for content in (b"gone", b"short", b"whole")]
    path_of(app, gone).unlink()
    path_of(app, short).write_bytes(b"shor")
    before = await all_rows(app)

    findings = await check_files(app.state.database, app.state.file_rules.store, grace=timedelta(0))

    assert (findings.missing, findings.damaged, findings.removed) == ([gone], [short], 0)
    assert not findings.is_whole
    assert path_of(app, whole).exists()
    with captured_log() as log:
        report(findings)
    lines = [(line["problem"], line["key"]) for line in log.events("the bytes of a file are lost")]
    assert lines == [("missing", str(gone)), ("damaged", str(short))]
    assert await all_rows(app) == before


@SQLITE
async def test_the_command_tells_what_it_found(app: FastAPI, world: World, tmp_path: Path, database_url: str) -> None:
    settings: dict[str, Any] = {"DATABASE_URL": database_url, "DATA_DIR": str(tmp_path), "SECRET_KEY": SECRET}
    key, other = [await key_of(app, world, content) for content in (b"one", b"two")]
    old = Key(world.workspace, UUID(int=1))
    await app.state.file_rules.store.put(old, piece(b"lost"))
    os.utime(path_of(app, old), (0, 0))

    ended = await twofold("files", "check", **settings)
    assert (ended.code, ended.out) == (0, "Checked 2, removed 1 (4 bytes).\n")

    path_of(app, key).unlink()
    path_of(app, other).write_bytes(b"")
    ended = await twofold("files", "check", **settings)
    assert (ended.code, ended.out) == (
        1,
        f"missing  {key}\ndamaged  {other}\nChecked 2, removed 0 (0 bytes).\n",
    )
    folder = tmp_path / "files"
    assert ended.err == (
        f"The bytes of 2 files are lost or damaged: restore {folder} from a copy, or delete those files.\n"
    )

    nowhere = f"s3://key:secret@b?endpoint=http://127.0.0.1:{free_port()}&region=x"
    for command in (("files", "check"), ("worker",), ("serve",)):
        ended = await twofold(*command, **settings, FILES_URL=nowhere, PORT=str(free_port()))
        assert ended.code == 1
        assert ended.err.startswith("The store of files, the bucket b, cannot be used (Generic S3 error:")
        assert ended.err.endswith("make it usable, or correct FILES_URL.\n")


@SQLITE
async def test_a_store_that_does_not_answer_ends_the_check_and_nothing_is_removed(app: FastAPI, world: World) -> None:
    await key_of(app, world, b"x")
    nowhere = FileStore(f"s3://key:secret@b?endpoint=http://127.0.0.1:{free_port()}&region=x", Path())
    before = await all_rows(app)
    with pytest.raises(StoreError):
        await check_files(app.state.database, nowhere)
    assert await all_rows(app) == before


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "it is for a bucket, and FILES_URL names none."),
        ("file:///srv/files", "it is for a bucket, and FILES_URL names none."),
        ("s3://bucket", "it needs a key and its secret, in FILES_URL or as AWS_ACCESS_KEY_ID and "),
    ],
)
def test_clients_are_sent_only_to_a_bucket_whose_key_is_known(
    monkeypatch: pytest.MonkeyPatch, url: str, problem: str
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FILES_DIRECT", "true")
    if url:
        monkeypatch.setenv("FILES_URL", url)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value).startswith(f"The setting FILES_DIRECT is not valid: {problem}")
