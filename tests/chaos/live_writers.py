"""Writers at both doors and beside them: some of what they ask for is refused, or rolled back with its number."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx

from api.core.actor import UserActor
from api.schemas.items import ItemCreate
from api.services.items import create_item
from db.engine import Database
from tests.chaos.live_plan import Progress

RETRY_SECONDS = 0.2
CREATE = "mutation($input: ItemCreate!) { createItem(input: $input) { version } }"
UPDATE = """
mutation($id: UUID!, $input: ItemUpdate!, $version: Int) {
  updateItem(id: $id, input: $input, expectedVersion: $version) { version }
}
"""
POST = "mutation($input: MessageCreate!) { createMessage(input: $input) { version } }"


class AbandonedError(Exception):
    """Rolls a transaction back."""


@dataclass
class Outcome:
    """What was acknowledged, as (kind, id, version), the ids that must not be in the log, and counts."""

    acknowledged: list[tuple[str, str, int]] = field(default_factory=list)
    never: list[str] = field(default_factory=list)
    refused: int = 0
    rolled_back: int = 0
    unanswered: int = 0


@dataclass
class Item:
    """An item that only its writer edits."""

    id: str
    version: int = 1


class Writer:
    """One client that goes from server to server."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        urls: Sequence[str],
        database: Database,
        actor: UserActor,
        workspaces: Sequence[str],
        source: random.Random,
    ) -> None:
        self.outcome = Outcome()
        self._client = client
        self._urls = urls
        self._database = database
        self._actor = actor
        self._workspaces = workspaces
        self._random = source
        self._items: list[Item] = []
        self._moves: dict[Callable[[], Awaitable[int]], int] = {
            self._create_by_rest: 28,
            self._create_by_graphql: 18,
            self._update_by_rest: 14,
            self._update_by_graphql: 12,
            self._post_by_rest: 6,
            self._post_by_graphql: 4,
            self._delete: 3,
            self._be_too_late: 5,
            self._send_nonsense: 4,
            self._transaction: 6,
        }

    async def run(self, progress: Progress) -> None:
        """Write until all changes are made."""
        while not progress.finished:
            move = self._random.choices([*self._moves], [*self._moves.values()])[0]
            try:
                progress.add(await move())
            except httpx.TransportError:
                # The server died: whether it had written, nobody knows.
                self.outcome.unanswered += 1
                await asyncio.sleep(RETRY_SECONDS)

    async def _create_by_rest(self) -> int:
        item = Item(str(uuid4()))
        body = {"id": item.id, "workspace_id": self._workspace(), "title": "from REST"}
        await self._rest("POST", "/api/items", 201, json=body)
        self._items.append(item)
        return self._made("created", item.id, 1)

    async def _create_by_graphql(self) -> int:
        item = Item(str(uuid4()))
        given = {"id": item.id, "workspaceId": self._workspace(), "title": "from GraphQL"}
        await self._graphql(CREATE, {"input": given})
        self._items.append(item)
        return self._made("created", item.id, 1)

    async def _update_by_rest(self) -> int:
        item = self._take()
        if item is None:
            return 0
        headers = {"If-Match": f'"{item.version}"'}
        await self._rest("PATCH", f"/api/items/{item.id}", 200, json={"title": uuid4().hex}, headers=headers)
        return self._updated(item)

    async def _update_by_graphql(self) -> int:
        item = self._take()
        if item is None:
            return 0
        given = {"id": item.id, "input": {"title": uuid4().hex}, "version": item.version}
        await self._graphql(UPDATE, given)
        return self._updated(item)

    async def _post_by_rest(self) -> int:
        message = str(uuid4())
        body = {"id": message, "workspace_id": self._workspace(), "body": "to the room"}
        await self._rest("POST", "/api/messages", 201, json=body)
        return self._made("created", message, 1)

    async def _post_by_graphql(self) -> int:
        message = str(uuid4())
        await self._graphql(POST, {"input": {"id": message, "workspaceId": self._workspace(), "body": "to the room"}})
        return self._made("created", message, 1)

    async def _delete(self) -> int:
        item = self._take()
        if item is None:
            return 0
        await self._rest("DELETE", f"/api/items/{item.id}", 204)
        return self._made("deleted", item.id, item.version + 1)

    async def _be_too_late(self) -> int:
        """Edit a version that never was: refused with the workspace locked."""
        item = self._take()
        if item is None:
            return 0
        if self._random.random() < 0.5:
            headers = {"If-Match": f'"{item.version + 1}"'}
            await self._rest("PATCH", f"/api/items/{item.id}", 412, json={"title": "Too late"}, headers=headers)
        else:
            given = {"id": item.id, "input": {"title": "Too late"}, "version": item.version + 1}
            await self._graphql(UPDATE, given, code="PRECONDITION_FAILED")
        self._items.append(item)
        self.outcome.refused += 1
        return 0

    async def _send_nonsense(self) -> int:
        item = str(uuid4())
        if self._random.random() < 0.5:
            body = {"id": item, "workspace_id": self._workspace(), "title": ""}
            await self._rest("POST", "/api/items", 422, json=body)
        else:
            given = {"id": item, "workspaceId": self._workspace(), "title": "Too urgent", "priority": 9}
            await self._graphql(CREATE, {"input": given}, code="VALIDATION_ERROR")
        self.outcome.never.append(item)
        self.outcome.refused += 1
        return 0

    async def _transaction(self) -> int:
        """Write some items in one transaction of this process, as an import does; nobody is woken by it.

        It is open for a while after it took its numbers, and gives some of them back.
        """
        workspace, items = UUID(self._workspace()), [uuid4() for _ in range(self._random.randint(1, 4))]
        try:
            async with self._database.write() as uow:
                for item in items:
                    await create_item(uow, self._actor, ItemCreate(id=item, workspace_id=workspace, title="Imported"))
                    # Load, not a wait: some transactions stay open longer than others.
                    await asyncio.sleep(self._random.random() * 0.02)
                self._perhaps_give_up()
        except AbandonedError:
            self.outcome.never += map(str, items)
            self.outcome.rolled_back += 1
            return 0
        return sum(self._made("created", str(item), 1) for item in items)

    def _perhaps_give_up(self) -> None:
        if self._random.random() < 0.4:
            raise AbandonedError

    def _workspace(self) -> str:
        return self._random.choice(self._workspaces)

    def _take(self) -> Item | None:
        """Take an item out of the list; it comes back when its version is known again."""
        return self._items.pop(self._random.randrange(len(self._items))) if self._items else None

    def _updated(self, item: Item) -> int:
        item.version += 1
        self._items.append(item)
        return self._made("updated", item.id, item.version)

    def _made(self, kind: str, entity_id: str, version: int) -> int:
        self.outcome.acknowledged.append((kind, entity_id, version))
        return 1

    async def _rest(self, method: str, path: str, status: int, **request: Any) -> None:
        response = await self._client.request(method, self._random.choice(self._urls) + path, **request)
        assert response.status_code == status, response.text

    async def _graphql(self, query: str, variables: dict[str, Any], *, code: str | None = None) -> None:
        address = f"{self._random.choice(self._urls)}/graphql"
        response = await self._client.post(address, json={"query": query, "variables": variables})
        answer = response.json()
        codes = [error["extensions"]["code"] for error in answer.get("errors", [])]
        assert codes == ([code] if code else []), answer
