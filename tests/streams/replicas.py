"""A client as the README tells to write one: it reads state page by page, then replays the log into it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

from tests.doors.door import Door, DoorError
from tests.doors.history import told_of
from tests.test_readme import blocks

Copy = dict[tuple[str, str], dict[str, Any]]

PAGE = 2


def readme_take() -> Callable[[Copy, str, str, int, dict[str, Any] | None], None]:
    """Return the README's own rule."""
    program: dict[str, Any] = {}
    exec(blocks("python")[1], program)  # noqa: S102 - it is our own text
    take: Callable[[Copy, str, str, int, dict[str, Any] | None], None] = program["take"]
    return take


class Replica:
    """A copy of a workspace, read and kept up to date through one door by the README's rule."""

    def __init__(self, door: Door, token: str, workspace: UUID, between: Callable[[], Awaitable[None]]) -> None:
        self.copy: Copy = {}
        self.seq = 0
        self._door = door
        self._here = {"token": token, "id": str(workspace)}
        self._place = {"token": token, "workspace_id": str(workspace)}
        # Something happens between any two requests.
        self._between = between
        self._take = readme_take()
        self._last: dict[tuple[str, str], int] = {}

    async def read(self) -> None:
        """Read the number, then all pages: a state of many moments."""
        workspace = await self._ask("get_workspace", **self._here)
        self.seq = workspace.pop("seq")
        self._take(self.copy, "workspace", workspace["id"], workspace["version"], workspace)
        for trashed in (False, True):
            async for item in self._rows("list_items", **self._place, trashed=trashed):
                self._take(self.copy, "item", item["id"], item["version"], item)
        async for member in self._rows("list_members", **self._here):
            self._take(self.copy, "member", member["user_id"], member["version"], told_of(member))
        threads = [{"item_id": item} for entity, item in self.copy if entity == "item"]
        for place in ({"workspace_id": self._here["id"]}, *threads):
            async for message in self._rows("list_messages", token=self._here["token"], **place):
                self._take(self.copy, "message", message["id"], message["version"], message)

    async def replay(self) -> None:
        """Take what happened after the number."""
        while True:
            part = await self._ask("list_changes", **self._here, after=self.seq, limit=PAGE)
            for change in part["data"]:
                assert change["seq"] == self.seq + 1
                self.seq = change["seq"]
                key = (change["entity"], change["entity_id"])
                assert change["version"] > self._last.get(key, 0)
                self._last[key] = change["version"]
                self._take(self.copy, change["entity"], change["entity_id"], change["version"], change["state"])
            if not part["has_more"]:
                return

    async def _rows(self, operation: str, **arguments: Any) -> AsyncIterator[dict[str, Any]]:
        cursor = None
        while True:
            try:
                page = await self._ask(operation, **arguments, limit=PAGE, cursor=cursor)
            except DoorError as error:
                # An item that was deleted for good since its page was read took its thread with it.
                if (error.code, "item_id" in arguments) == ("NOT_FOUND", True):
                    return
                raise
            for row in page["data"]:
                yield row
            cursor = page["next_cursor"]
            if cursor is None:
                return

    async def _ask(self, operation: str, **arguments: Any) -> Any:
        await self._between()
        return await self._door.call(operation, **arguments)
