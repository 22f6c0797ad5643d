"""The servers of a chaos run: they can be killed and come back at the same port, and so can their Redis."""

import asyncio
import os
import shutil
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from tests.chaos.waiting import until
from tests.live import LiveServer, free_port, serve


class Cluster:
    """Server processes on one database."""

    def __init__(self, database_url: str, folder: Path, number: int, redis_url: str | None) -> None:
        self.database_url = database_url
        self.ports = [free_port() for _ in range(number)]
        self.urls = [f"http://127.0.0.1:{port}" for port in self.ports]
        self._folder = folder
        self._settings = {
            "LIVE_BEAT_SECONDS": "1",
            "LOG_LEVEL": "warning",
            **({"REDIS_URL": redis_url} if redis_url else {}),
        }
        self._running: dict[int, tuple[LiveServer, AsyncExitStack]] = {}

    async def start(self, place: int) -> None:
        """Start a server at its port."""
        stack = AsyncExitStack()
        port = self.ports[place]
        server = await stack.enter_async_context(serve(self.database_url, self._folder, port=port, **self._settings))
        self._running[place] = (server, stack)

    async def kill(self, place: int) -> None:
        """Pull a server's plug."""
        server, stack = self._running.pop(place)
        server.kill()
        await server.process.wait()
        await stack.aclose()

    @property
    def errors(self) -> list[str]:
        """What the servers called an error in their logs."""
        lines = [line for path in sorted(self._folder.glob("server-*.log")) for line in path.read_text().splitlines()]
        return [line for line in lines if '"level": "error"' in line]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Cluster"]:
        """Run all servers around a block."""
        try:
            for place in range(len(self.ports)):
                # One by one: the first makes the administrator.
                await self.start(place)
            yield self
        finally:
            for _, stack in self._running.values():
                await stack.aclose()


def require_redis_server() -> None:
    """Skip the test where no Redis can be started, unless that is a fault of the CI machine."""
    if shutil.which("redis-server") is None:
        reason = "redis-server is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


class RedisServer:
    """A Redis of our own that can be stopped."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self._process: Process | None = None

    async def start(self) -> None:
        """Start it and wait until it answers."""
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = await asyncio.create_subprocess_exec("redis-server", *arguments, stdout=DEVNULL)
        await until(self._answers)

    async def stop(self) -> None:
        """Stop it without a word; what it had to pass on is gone."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let it be silent around a block: its connections stay, and nothing comes over them."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["RedisServer"]:
        """Run it around a block."""
        await self.start()
        try:
            yield self
        finally:
            await self.stop()

    async def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.returncode is None, "redis-server did not start"
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        try:
            writer.write(b"PING\r\n")
            return await reader.readline() == b"+PONG\r\n"
        except OSError:
            return False
        finally:
            writer.close()
