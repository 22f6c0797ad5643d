"""The page's scripts and styles for the browser test, taken from npm instead of the public CDN.

The CDN serves the very files of the npm packages. Answering its addresses from the packages keeps
the test independent of it, and the browser still checks the page's integrity hashes.
"""

import asyncio
import base64
import hashlib
import json
import mimetypes
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from playwright.async_api import Page, Route

from api.core.assets import Asset

CACHE = Path(__file__).parents[2] / ".cache" / "graphiql"


class AssetError(Exception):
    """A pinned file could not be had, or is not the file that was pinned."""


async def serve_assets(page: Page, cdn: str, assets: tuple[Asset, ...]) -> None:
    """Answer every request of ``page`` below ``cdn`` from the npm packages."""
    files = {asset.url(cdn): await asyncio.to_thread(asset_bytes, asset) for asset in assets}

    async def answer(route: Route) -> None:
        body = files.get(route.request.url)
        if body is None:
            await route.fulfill(status=404, body="not one of the pinned assets")
            return
        kind = mimetypes.guess_type(route.request.url)[0]
        # Without this header a browser cannot check the integrity of a file from another origin.
        headers = {"Access-Control-Allow-Origin": "*"}
        await route.fulfill(body=body, content_type=kind, headers=headers)

    await page.route(f"{cdn}/**", answer)


def asset_bytes(asset: Asset) -> bytes:
    """The content of ``asset``, from the cache or else from npm; its hash is checked either way."""
    cached = CACHE / f"{asset.package}@{asset.version}" / asset.path
    if not cached.is_file():
        content = _from_npm(asset)
        cached.parent.mkdir(parents=True, exist_ok=True)
        # Test workers share the cache: none may ever see half a file.
        with tempfile.NamedTemporaryFile(dir=cached.parent, delete=False) as file:
            file.write(content)
        Path(file.name).replace(cached)
    content = cached.read_bytes()
    if _integrity(content) != asset.integrity:
        cached.unlink()
        raise AssetError(f"{asset.url('npm:')} is {_integrity(content)}, not {asset.integrity}")
    return content


def _from_npm(asset: Asset) -> bytes:
    npm = shutil.which("npm")
    if npm is None:
        raise AssetError("npm is not installed")
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", "--json", "--silent", f"{asset.package}@{asset.version}"]
        try:
            done = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True, timeout=120)
        except subprocess.TimeoutExpired as error:
            raise AssetError("npm does not answer") from error
        if done.returncode:
            raise AssetError(f"npm pack failed: {(done.stderr or done.stdout)[-500:]}")
        name = json.loads(done.stdout)[0]["filename"]
        with tarfile.open(Path(folder) / name) as package:
            member = package.extractfile(f"package/{asset.path}")
            if member is None:
                raise AssetError(f"{asset.path} is not a file of {asset.package}@{asset.version}")
            return member.read()


def _integrity(content: bytes) -> str:
    return "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode()
