"""How fast `twofold import` is, and how much memory it takes: `python -m tests.benchmarks.import_rows [ROWS]`."""

import asyncio
import csv
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from uuid import uuid4

from api.core.actor import SYSTEM
from api.core.pages import PageArguments
from api.services.workspaces import list_workspaces
from db.engine import Database
from tests import databases

TWOFOLD = str(Path(sys.executable).with_name("twofold"))
EMAIL = "admin@example.com"


def write_rows(path: Path, number: int) -> None:
    """Write a CSV file like those that other trackers export."""
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["title", "description", "status", "priority", "tags", "due_at", "fields.bed"])
        for n in range(number):
            due = f"2026-{n % 12 + 1:02}-{n % 28 + 1:02}T08:00:00Z"
            writer.writerow([f"Task {n}", "Dig, sow and water. " * 10, "open", n % 5, "garden;spring", due, n])


def measure(arguments: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Run the command; return its seconds and the most memory it had, in MiB."""
    begin = time.perf_counter()
    process = subprocess.Popen([TWOFOLD, *arguments], env=environment, stderr=subprocess.DEVNULL)
    peak = 0
    # What `wait4` tells would include the memory of this process, from which the other was forked.
    while process.poll() is None:
        peak = max(peak, peak_of(process.pid))
        time.sleep(0.05)
    if process.returncode:
        raise SystemExit(f"twofold {arguments[0]} failed")
    return time.perf_counter() - begin, peak / 1024


def peak_of(process: int) -> int:
    """Return the most memory that a process has had so far, in KiB."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+)", status)
    return int(found[1]) if found else 0


def run(kind: str, address: str, folder: Path, number: int) -> None:
    """Import, and export again, on one database."""
    environment = {**os.environ, "DATABASE_URL": address, "DATA_DIR": str(folder), "PASSWORD_MEMORY_KIB": "32"}
    subprocess.run([TWOFOLD, "create-admin", EMAIL, "--password", "Administrator 1"], env=environment, check=True)
    workspace = asyncio.run(only_workspace(address))
    for name, arguments in (
        ("check", ["import", str(folder / "rows.csv"), "--workspace", workspace, "--dry-run"]),
        ("import", ["import", str(folder / "rows.csv"), "--workspace", workspace]),
        ("export", ["export", "--workspace", workspace, "--output", str(folder / f"{kind}.jsonl")]),
    ):
        seconds, memory = measure(arguments, environment)
        print(f"{kind:10} {name:6} {seconds:6.1f} s {number / seconds:8,.0f} rows/s {memory:6.0f} MiB")  # noqa: T201


async def only_workspace(address: str) -> str:
    """Return the id of the administrator's workspace."""
    database = Database(address)
    async with database.read() as uow:
        page = await list_workspaces(uow, SYSTEM, page=PageArguments(limit=1))
    await database.dispose()
    return str(page.rows[0].id)


def main() -> None:
    """Measure both databases."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_rows(folder / "rows.csv", number)
        run("sqlite", databases.sqlite_address(folder, folder / "template.db"), folder, number)
        with databases.postgresql_address(uuid4().hex[:8]) as address:
            run("postgresql", address, folder, number)


if __name__ == "__main__":
    main()
