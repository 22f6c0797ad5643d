"""What a large upload costs: `python -m tests.benchmarks.upload [MiB]`.

One file of 2 GiB goes up and comes down again by curl. Printed are by how much the server's memory grew at most, and
the time as a ratio to that of `cp` and `sha256sum` of the same file, in the same run. Then ten uploads come at once,
and what `/health` and somebody's list wait is printed beside what they wait without.
"""

import asyncio
import os
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path
from typing import Any

from tests import databases
from tests.attacks.bystander import Waits
from tests.attacks.target import Target, under_attack
from tests.streams.crowds import memory, reset_peak

MIB = 1024 * 1024
UPLOADS = 10
PAUSE_SECONDS = 0.01
QUIET_SECONDS = 10


async def timed(*command: str | Path) -> tuple[float, str]:
    """Run a command that must succeed; return how long it took and what it said."""
    begin = time.perf_counter()
    process = await asyncio.create_subprocess_exec(*map(str, command), stdout=PIPE, stderr=DEVNULL)
    output, _ = await process.communicate()
    assert process.returncode == 0, f"{command[0]} failed: {output.decode()[:500]}"
    return time.perf_counter() - begin, output.decode()


async def upload(target: Target, path: Path) -> tuple[float, str]:
    """Upload a file by curl."""
    head = f"Authorization: Bearer {target.attacker.token}"
    return await timed("curl", "-sf", f"{target.url}/api/files", "-H", head, "-F", f"files=@{path}")


async def one_large(target: Target, path: Path) -> None:
    """Let one file go up and come down."""
    process = target.server.process.pid
    copied, _ = await timed("cp", path, path.with_suffix(".copy"))
    path.with_suffix(".copy").unlink()
    summed, _ = await timed("sha256sum", path)
    before = memory(process)
    reset_peak(process)
    up, answer = await upload(target, path)
    grown_up = memory(process, "VmHWM") - before
    file_id = answer.partition('"id":"')[2][:36]
    reset_peak(process)
    head = f"Authorization: Bearer {target.attacker.token}"
    down, _ = await timed("curl", "-sf", f"{target.url}/api/files/{file_id}/content", "-H", head, "-o", os.devnull)
    grown_down = memory(process, "VmHWM") - before
    size = path.stat().st_size // MIB
    tell(f"{size} MiB: cp {copied:.1f} s, sha256sum {summed:.1f} s")
    tell(f"up   {up:.1f} s, {up / (copied + summed):.2f} times both; memory grew by {grown_up:.0f} MiB at most")
    tell(f"down {down:.1f} s, {down / (copied + summed):.2f} times both; memory grew by {grown_down:.0f} MiB at most")


async def ten_at_once(target: Target, path: Path) -> None:
    """Let ten come at once, and look what others wait."""
    process = target.server.process.pid
    await target.bystander.waits()
    await asyncio.sleep(QUIET_SECONDS)
    quiet = await target.bystander.waits()
    before = memory(process)
    reset_peak(process)
    await asyncio.gather(*(upload(target, path) for _ in range(UPLOADS)))
    beside = await target.bystander.waits()
    grown = memory(process, "VmHWM") - before
    tell(f"{UPLOADS} uploads of {path.stat().st_size // MIB} MiB at once: memory grew by {grown:.0f} MiB at most")
    for address in quiet:
        tell(f"{address:12} p99 {milliseconds(quiet[address])} ms without, {milliseconds(beside[address])} ms beside")


def milliseconds(waits: Waits) -> str:
    """Return the wait that one of a hundred exceeded."""
    assert not waits.failures
    return f"{waits.percentile(0.99) * 1000:.0f}"


def tell(line: str) -> None:
    """Print a line."""
    print(line, flush=True)  # noqa: T201


def write(path: Path, size: int) -> None:
    """Write a file of so many MiB that nothing can compress."""
    with path.open("wb") as file:
        for _ in range(size):
            file.write(os.urandom(MIB))


async def run(address: str, folder: Path, size: int) -> None:
    """Measure and print."""
    large, small = folder / "large", folder / "small"
    write(large, size)
    write(small, size // UPLOADS)
    settings: dict[str, Any] = {
        "MAX_FILE_SIZE": str(size * MIB),
        "WORKSPACE_QUOTA": str(10 * size * MIB),
        "LOG_LEVEL": "warning",
    }
    async with under_attack(address, folder, pause=PAUSE_SECONDS, **settings) as target:
        # What is made at the first upload is not what a large one costs.
        await upload(target, small)
        await one_large(target, large)
        await ten_at_once(target, small)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        address = databases.sqlite_address(folder, folder / "template.db")
        asyncio.run(run(address, folder, int(sys.argv[1]) if len(sys.argv) > 1 else 2048))
