"""A client in Node: a script of this folder, driven by commands, that reports what it sees."""

import asyncio
import contextlib
import json
import shutil
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.clients.packages import HERE

PATIENCE_SECONDS = 20


class NodeClient:
    """A running script and all it has reported."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._news = asyncio.Condition()
        self.reports: list[dict[str, Any]] = []
        self.output: list[str] = []
        self._reconnections = 0

    def connect(self, url: str, token: str, *, client: str = "first") -> None:
        """Create a client inside the script; it connects when it subscribes."""
        self.say(command="connect", client=client, url=f"{url}/graphql", token=token)

    def subscribe(self, name: str, query: str, *, client: str = "first", **variables: Any) -> None:
        """Start an operation of any kind under a name of its own."""
        self.say(command="subscribe", client=client, name=name, query=query, variables=variables)

    async def reconnect(self) -> None:
        """Wait until the client has lost its connection, then let it try to connect again."""
        self._reconnections += 1
        await self.until(lambda: sum("blocked" in report for report in self.reports) >= self._reconnections)
        self.say(command="reconnect")

    def results(self, name: str) -> list[dict[str, Any]]:
        """Return the results of an operation so far."""
        return [report["next"] for report in self.reports if report.get("name") == name and "next" in report]

    def seqs(self, name: str) -> list[int]:
        """Return the numbers of the events of a subscription to `changes` so far."""
        return [result["data"]["changes"]["seq"] for result in self.results(name) if result["data"]]

    async def reach(self, name: str, seq: int) -> None:
        """Wait until a subscription to `changes` has got to a number."""
        await self.until(lambda: seq in self.seqs(name))

    async def answered(self, name: str) -> dict[str, Any]:
        """Return the one result of an operation, once it is complete."""
        await self.until(lambda: {"name": name, "complete": True} in self.reports)
        [result] = self.results(name)
        return result

    async def failed(self, name: str) -> dict[str, Any]:
        """Return what ended an operation: a closed socket, or `errors` from before the operation began."""
        await self.until(lambda: bool(self._failures(name)))
        return self._failures(name)[0]

    async def ended(self, name: str) -> str:
        """Return the code in the last result of a subscription, once it is complete."""
        await self.until(lambda: {"name": name, "complete": True} in self.reports)
        [error] = self.results(name)[-1]["errors"]
        code: str = error["extensions"]["code"]
        return code

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds, at most for `PATIENCE_SECONDS`."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), self._news:
                await self._news.wait_for(lambda: bool(self.output) or holds())
        except TimeoutError:
            raise AssertionError(f"it did not come to that; reported so far: {self.reports}") from None
        assert self.output == []

    async def listen(self) -> None:
        """Collect the reports until the script ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            async with self._news:
                try:
                    self.reports.append(json.loads(line))
                except json.JSONDecodeError:
                    self.output.append(line.decode())
                self._news.notify_all()

    def _failures(self, name: str) -> list[dict[str, Any]]:
        return [report["error"] for report in self.reports if report.get("name") == name and "error" in report]

    def say(self, **command: Any) -> None:
        """Give the script a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")


async def run_once(script: str, question: object, folder: Path, packages: Path) -> Any:
    """Give a script a question as JSON and return its answer, the one thing it prints."""
    node = _prepared(folder, packages)
    process = await asyncio.create_subprocess_exec(node, script, cwd=folder, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    async with asyncio.timeout(PATIENCE_SECONDS):
        output, complaints = await process.communicate(json.dumps(question).encode())
    assert process.returncode == 0, complaints.decode()
    return json.loads(output)


def _prepared(folder: Path, packages: Path) -> str:
    """Put the scripts into a folder where they find the packages; return the path of Node."""
    for source in HERE.glob("*.mjs"):
        shutil.copy(source, folder)
    (folder / "node_modules").symlink_to(packages)
    node = shutil.which("node")
    assert node is not None
    return node


@asynccontextmanager
async def running(script: str, folder: Path, packages: Path) -> AsyncIterator[NodeClient]:
    """Run a script around a block, in a folder where it finds the packages."""
    node = _prepared(folder, packages)
    process = await asyncio.create_subprocess_exec(
        node, script, cwd=folder, stdin=PIPE, stdout=PIPE, stderr=STDOUT, limit=2**20
    )
    client = NodeClient(process)
    listening = asyncio.create_task(client.listen())
    try:
        await client.until(lambda: {"started": True} in client.reports)
        yield client
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await listening
