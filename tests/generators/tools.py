"""The generators of this folder's lists, and a place to work with them."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from uv import find_uv_bin

from tests.clients.packages import installed_once, run_installer
from tests.live import LiveServer

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements.txt"
PROGRAMS = HERE / "programs"
PATIENCE_SECONDS = 60


def python_tools() -> Path:
    """Return the interpreter of an environment with the generators from PyPI, from the cache or else from there."""
    return installed_once(REQUIREMENTS, _install) / "bin" / "python"


def _install(folder: Path) -> None:
    uv = find_uv_bin()
    run_installer([uv, "venv", "--quiet", "--allow-existing", "--relocatable", str(folder)], folder)
    python = str(folder / "bin" / "python")
    run_installer([uv, "pip", "install", "--quiet", "--python", python, "-r", str(REQUIREMENTS)], folder)


@dataclass(frozen=True)
class Workshop:
    """A folder in which clients are generated, compiled and run."""

    folder: Path
    python: Path

    def take(self, *programs: str) -> None:
        """Copy programs that use the generated clients."""
        for program in programs:
            target = self.folder / program
            target.parent.mkdir(exist_ok=True)
            shutil.copy(PROGRAMS / program, target)

    def run(self, *command: str | Path) -> str:
        """Run a command that must succeed; return what it printed."""
        done = subprocess.run(
            [str(part) for part in command],
            check=False,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
        assert done.returncode == 0, f"{command[0]}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def script(self, package: str, path: str, *arguments: str) -> str:
        """Run the command of an npm package."""
        return self.run("node", f"node_modules/{package}/{path}", *arguments)

    def compile(self, *sources: str) -> None:
        """Compile TypeScript, as strictly as it can be."""
        target = ("--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom,dom.iterable", "--skipLibCheck")
        self.script("typescript", "bin/tsc", "--strict", "--exactOptionalPropertyTypes", *target, *sources)

    def report(self, server: LiveServer, *command: str | Path) -> dict[str, Any]:
        """Let a program sign somebody up at the server and do its work; return its report."""
        report: dict[str, Any] = json.loads(self.run(*command, server.url, f"{uuid4().hex}@example.com"))
        return report
