"""A server that speaks S3, in a process of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from uv import find_uv_bin

from tests.clients.packages import PackageError, go_without, installed_once, run_installer
from tests.live import free_port

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
BUCKET = "files"
STARTS_WITHIN_SECONDS = 60


def _install(folder: Path) -> None:
    uv = find_uv_bin()
    run_installer([uv, "venv", "--quiet", "--allow-existing", "--relocatable", str(folder)], folder)
    python = str(folder / "bin" / "python")
    run_installer([uv, "pip", "install", "--quiet", "--python", python, "-r", str(REQUIREMENTS)], folder)


async def s3_python() -> Path:
    """Return the Python of the server, whose environment has the library of those who made S3."""
    try:
        return await asyncio.to_thread(installed_once, REQUIREMENTS, _install) / "bin" / "python"
    except PackageError as error:
        go_without(error)


@asynccontextmanager
async def s3_server() -> AsyncIterator[str]:
    """Run the server around a block, with an empty bucket, and yield its address."""
    python = await s3_python()
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    quiet = asyncio.subprocess.DEVNULL
    # Of the environment nothing: it might name another one's bucket.
    process = await asyncio.create_subprocess_exec(
        str(python), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port), stdout=quiet, stderr=quiet, env={}
    )
    try:
        await _make_bucket(address)
        yield address
    finally:
        process.terminate()
        await process.wait()


async def _make_bucket(address: str) -> None:
    async with asyncio.timeout(STARTS_WITHIN_SECONDS), httpx.AsyncClient() as client:
        while True:
            try:
                (await client.put(f"{address}/{BUCKET}")).raise_for_status()
            except httpx.TransportError:
                await asyncio.sleep(0.1)
            else:
                return


def url_of(address: str, prefix: str) -> str:
    """Return what `FILES_URL` is for this server."""
    return f"s3://key:s%2Fcret@{BUCKET}/{prefix}?endpoint={address}&region=us-east-1"
