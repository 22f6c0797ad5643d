"""A real server process, for tests that need a network, a browser or a kill -9."""

import asyncio
import os
import signal
import socket
import ssl
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

STARTS_WITHIN_SECONDS = 30
TWOFOLD = (str(Path(sys.executable).with_name("twofold")),)
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients of servers without TLS: each would else read the certificates of the world, which takes it 30 ms."""

ADMIN_EMAIL = "admin@example.com"
ADMIN_PASSWORD = "Administrator 1"


@dataclass
class LiveServer:
    """A running server and its administrator."""

    url: str
    process: Process
    log: Path
    admin_email: str = ADMIN_EMAIL
    admin_password: str = ADMIN_PASSWORD

    def kill(self) -> None:
        """Pull the plug."""
        self.process.send_signal(signal.SIGKILL)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def serve(
    database_url: str | None,
    folder: Path,
    *,
    port: int | None = None,
    program: Sequence[str] = TWOFOLD,
    **environment: str,
) -> AsyncIterator[LiveServer]:
    """Run `twofold serve`, or what another program makes of it, around a block; `environment` adds settings."""
    port = port or free_port()
    settings = {
        "DATA_DIR": str(folder / "data"),
        "PORT": str(port),
        "SECRET_KEY": "a secret that signs the tokens of the tests",
        "ADMIN_EMAIL": ADMIN_EMAIL,
        "ADMIN_PASSWORD": ADMIN_PASSWORD,
        "PASSWORD_MEMORY_KIB": "32",
        "RATE_LIMITS": "false",
        # What a test does with one token may take long.
        "ACCESS_TOKEN_SECONDS": "7200",
        "JOBS": "workers",
        **({"DATABASE_URL": database_url} if database_url else {}),
        **environment,
    }
    log = folder / f"server-{port}.log"
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *program,
            "serve",
            cwd=folder,
            env={**os.environ, **settings},
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        await _wait_until_ready(url, process, log)
        yield LiveServer(url, process, log)
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), STARTS_WITHIN_SECONDS)


async def _wait_until_ready(url: str, process: Process, log: Path) -> None:
    async with asyncio.timeout(STARTS_WITHIN_SECONDS), httpx.AsyncClient(verify=NO_CERTIFICATES) as client:
        while True:
            if process.returncode is not None:
                raise AssertionError(f"the server did not start:\n{log.read_text()}")
            try:
                if (await client.get(f"{url}/ready")).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)
