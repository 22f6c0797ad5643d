"""Uploads as bytes on the wire, and what is left of them."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from tests.doors.people import Person

BOUNDARY = "b0undary"
HEAD = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
END = f"--{BOUNDARY}--\r\n".encode()


def field(name: str, value: str) -> bytes:
    """Return a part of a form that is no file."""
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def file_head(filename: str = "a.bin", name: str = "files", media_type: str | None = None) -> bytes:
    """Return how a part with a file begins."""
    lines = [f"--{BOUNDARY}", f'Content-Disposition: form-data; name="{name}"; filename="{filename}"']
    if media_type is not None:
        lines.append(f"Content-Type: {media_type}")
    return "\r\n".join([*lines, "", ""]).encode()


def file_part(content: bytes, filename: str = "a.bin", **more: Any) -> bytes:
    """Return a part with a file."""
    return file_head(filename, **more) + content + b"\r\n"


class Sent:
    """A body sent in chunks, without its length, that knows how much of it was taken."""

    def __init__(self, chunks: Sequence[bytes]) -> None:
        self.chunks = chunks
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the chunks."""
        for chunk in self.chunks:
            self.taken += len(chunk)
            yield chunk


async def upload(client: httpx.AsyncClient, person: Person, body: Any, **headers: str) -> httpx.Response:
    """Upload a form that is written by hand."""
    if isinstance(body, Sent):
        body = aiter(body)
    known = {**HEAD, "Authorization": f"Bearer {person.token}", **headers}
    return await client.post("/api/files", content=body, headers=known)


def kept(app: FastAPI) -> list[Path]:
    """Return everything that is in the store, finished or not."""
    folder = app.state.file_rules.store.folder
    return [path for path in folder.rglob("*") if path.is_file()]


def code_of(answer: httpx.Response) -> str:
    """Return the code of a refusal, or the status of what is none."""
    if not answer.is_error:
        return str(answer.status_code)
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return str(answer.json()["error"]["code"])
