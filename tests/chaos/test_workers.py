"""Workers do not outlive the process that started them: nobody serves on behind a new server's back."""

import socket
from pathlib import Path

from tests.chaos.waiting import until
from tests.live import free_port, serve


async def test_workers_end_when_their_parent_is_killed(sqlite_url: str, tmp_path: Path) -> None:
    port = free_port()

    async def is_free() -> bool:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
        return True

    async with serve(sqlite_url, tmp_path, port=port, WORKERS="2") as server:
        assert not await is_free()
        server.kill()
        await server.process.wait()
        await until(is_free)
