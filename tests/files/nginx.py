"""A static server that everybody knows, to compare with."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.live import free_port

# Debian keeps it where only root looks.
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")

_CONFIG = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off; types {{ }} default_type "text/plain; charset=utf-8";
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""


def require_nginx() -> str:
    """Return where it is; skip the test where it is nowhere, unless that is a fault of the CI machine."""
    if NGINX is None:
        if os.environ.get("CI") == "true":
            pytest.fail("nginx is not installed")
        pytest.skip("nginx is not installed")
    return NGINX


@asynccontextmanager
async def serving(root: Path, folder: Path) -> AsyncIterator[str]:
    """Serve a folder around a block, and yield the address."""
    port, config = free_port(), folder / "nginx.conf"
    config.write_text(_CONFIG.format(folder=folder, port=port, root=root))
    # As root it would give its rights away, to somebody who may not read here.
    own = ["-g", "user root;"] if os.geteuid() == 0 else []
    process = await asyncio.create_subprocess_exec(require_nginx(), "-p", str(folder), "-c", str(config), *own)
    try:
        async with asyncio.timeout(20):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                    continue
                writer.close()
                break
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()
