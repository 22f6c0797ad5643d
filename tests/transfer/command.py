"""The `twofold` command, run in this process as a shell would run it."""

import asyncio
import io
import os
import sys
from dataclasses import dataclass
from unittest.mock import patch

from api.cli import main


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


async def twofold(*arguments: str, stdin: bytes = b"", **environment: str) -> Ended:
    """Run the command beside the running event loop; `environment` adds settings."""
    return await asyncio.to_thread(_run, arguments, stdin, environment)


def _run(arguments: tuple[str, ...], stdin: bytes, environment: dict[str, str]) -> Ended:
    given, out, err = (io.TextIOWrapper(io.BytesIO(data), "utf-8") for data in (stdin, b"", b""))
    code = 0
    with (
        patch.dict(os.environ, environment),
        patch.multiple(sys, argv=["twofold", *arguments], stdin=given, stdout=out, stderr=err),
    ):
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return Ended(code, _text(out), _text(err))


def _text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()
