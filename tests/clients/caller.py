"""Somebody who is signed in at a live server and makes the changes that clients watch."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx

from api.core.tokens import Tokens
from api.schemas.types import format_moment
from tests.conftest import SECRET
from tests.live import ADMIN_PASSWORD, NO_CERTIFICATES, LiveServer

PASSWORD = ADMIN_PASSWORD


class Caller:
    """A user, by REST."""

    def __init__(self, client: httpx.AsyncClient, email: str) -> None:
        self._client = client
        self.email = email
        self.token = ""
        self.workspace = ""

    async def sign_up(self) -> None:
        """Create the account."""
        account = {"name": "Newcomer", "email": self.email, "password": PASSWORD, "password_confirm": PASSWORD}
        await self.post("/api/users", **account)

    async def sign_in(self) -> None:
        """Get a token and find the personal workspace."""
        credentials = {"email": self.email, "password": PASSWORD}
        answer = await self._client.post("/api/auth/login", json=credentials)
        self.use(answer.json()["access_token"])
        self.workspace = (await self._client.get("/api/users/me")).json()["personal_workspace_id"]

    def use(self, token: str) -> None:
        """Call with this token from now on."""
        self.token = token
        self._client.headers["Authorization"] = f"Bearer {token}"

    @property
    def expires_at(self) -> str:
        """When the caller's token expires."""
        return format_moment(Tokens(SECRET, lifetime=timedelta()).read(self.token).expires_at)

    def token_for(self, seconds: int) -> str:
        """Return another token of the same session that counts for so long."""
        tokens = Tokens(SECRET, lifetime=timedelta(seconds=seconds))
        claims = tokens.read(self.token)
        return tokens.issue(claims.user_id, claims.session_id)

    async def post(self, path: str, **body: Any) -> dict[str, Any]:
        """Post something, which must succeed."""
        answer = await self._client.post(path, json=body)
        assert answer.is_success, answer.text
        data: dict[str, Any] = answer.json()
        return data

    async def upload(self, name: str, content: bytes) -> dict[str, Any]:
        """Upload a file into the personal workspace."""
        answer = await self._client.post("/api/files", files={"files": (name, content)})
        [file] = answer.raise_for_status().json()["data"]
        return dict(file)

    async def get(self, path: str) -> Any:
        """Read something, which must succeed."""
        answer = await self._client.get(path)
        assert answer.is_success, answer.text
        return answer.json()

    async def create_items(self, *titles: str) -> list[str]:
        """Create items in the personal workspace; return their ids."""
        return [(await self.post("/api/items", title=title))["id"] for title in titles]

    async def update_item(self, item_id: str, **body: Any) -> None:
        """Change an item."""
        answer = await self._client.patch(f"/api/items/{item_id}", json=body)
        assert answer.is_success, answer.text

    async def delete_item(self, item_id: str) -> None:
        """Put an item into the trash."""
        answer = await self._client.delete(f"/api/items/{item_id}")
        assert answer.is_success, answer.text

    async def seq(self) -> int:
        """Return the number of the last change of the personal workspace."""
        answer = await self._client.get(f"/api/workspaces/{self.workspace}/changes")
        last: int = answer.json()["seq"]
        return last


@asynccontextmanager
async def calling(server: LiveServer) -> AsyncIterator[Caller]:
    """Give the administrator, signed in."""
    async with httpx.AsyncClient(verify=NO_CERTIFICATES, base_url=server.url) as client:
        caller = Caller(client, server.admin_email)
        await caller.sign_in()
        yield caller


@asynccontextmanager
async def calling_anew(server: LiveServer) -> AsyncIterator[Caller]:
    """Give a new user, signed in: tests that share a server do not meet."""
    async with httpx.AsyncClient(verify=NO_CERTIFICATES, base_url=server.url) as client:
        caller = Caller(client, f"{uuid4().hex}@example.com")
        await caller.sign_up()
        await caller.sign_in()
        yield caller
