"""The npm packages of the client tests, exactly those of `package.json`, installed once into the cache."""

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
MANIFEST = HERE / "package.json"
CACHE = HERE.parents[1] / ".cache" / "clients"


class PackageError(Exception):
    """The packages could not be had."""


def packages_folder() -> Path:
    """Return the folder `node_modules`, from the cache or else from npm."""
    if shutil.which("node") is None:
        raise PackageError("Node is not installed")
    folder = CACHE / hashlib.sha256(MANIFEST.read_bytes()).hexdigest()[:16]
    if not folder.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=CACHE))
        try:
            _install(draft)
            # Test workers share the cache: none may ever see half an installation.
            draft.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return folder / "node_modules"


def _install(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise PackageError("npm is not installed")
    shutil.copy(MANIFEST, folder)
    command = [npm, "install", "--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired as error:
        raise PackageError("npm does not answer") from error
    if done.returncode:
        raise PackageError(f"npm install failed: {(done.stderr or done.stdout)[-500:]}")
