"""The npm packages of a manifest, exactly those, installed once into the cache."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

HERE = Path(__file__).parent
MANIFEST = HERE / "package.json"
CACHE = HERE.parents[1] / ".cache"


class PackageError(Exception):
    """The packages could not be had."""


def packages_folder(manifest: Path = MANIFEST) -> Path:
    """Return the folder `node_modules`, from the cache or else from npm."""
    if shutil.which("node") is None:
        raise PackageError("Node is not installed")
    return installed_once(manifest, lambda draft: _install(manifest, draft)) / "node_modules"


def installed_once(manifest: Path, install: Callable[[Path], None]) -> Path:
    """Return the folder into which a manifest was installed, now or before; a changed one gets another folder."""
    folder = CACHE / manifest.parent.name / hashlib.sha256(manifest.read_bytes()).hexdigest()[:16]
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=folder.parent))
        try:
            install(draft)
            # Test workers share the cache: none may ever see half an installation.
            draft.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return folder


def run_installer(command: list[str], folder: Path) -> None:
    """Run a package manager in a folder.

    Raises:
        PackageError: it failed, or did not answer.
    """
    try:
        done = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired as error:
        raise PackageError(f"{Path(command[0]).name} does not answer") from error
    if done.returncode:
        raise PackageError(f"{Path(command[0]).name} failed: {(done.stderr or done.stdout)[-500:]}")


def go_without(error: PackageError) -> NoReturn:
    """Skip the test on a developer's machine, where these tools are optional; in CI that would go unnoticed."""
    if os.environ.get("CI") == "true":
        pytest.fail(str(error))
    pytest.skip(str(error))


def _install(manifest: Path, folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise PackageError("npm is not installed")
    shutil.copy(manifest, folder)
    run_installer([npm, "install", "--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund"], folder)
