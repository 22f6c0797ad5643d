"""Browsers in which people sign in with the provider."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select, update

from db.clock import utc_now
from db.models import User
from tests.doors.door import Door
from tests.oidc.real_provider import sign_in_there

ADA = {"sub": "ada", "email": "ada@example.com", "email_verified": True, "name": "Ada"}


@dataclass
class Browser:
    """What one browser keeps, and what it came back from the provider with."""

    door: Door
    sign_in: str = ""
    url: str = ""
    back: dict[str, str] = field(default_factory=dict)

    async def begin(self, **data: Any) -> "Browser":
        """Begin to sign in."""
        begun = await self.door.call("begin_oidc_sign_in", data=data)
        assert begun["expires_in"] == 600
        self.sign_in, self.url = begun["sign_in"], begun["authorization_url"]
        return self

    async def go(self, **claims: Any) -> "Browser":
        """Sign in at the provider, as Ada unless the claims say otherwise."""
        self.back = await sign_in_there(self.url, **{**ADA, **claims})
        return self

    @property
    def data(self) -> dict[str, str]:
        """What completes the sign-in."""
        return {"sign_in": self.sign_in, "state": self.back["state"], "code": self.back["code"]}

    async def complete(self, **changes: Any) -> dict[str, Any]:
        """Come back, with what was changed on the way."""
        answer: dict[str, Any] = await self.door.call("complete_oidc_sign_in", data={**self.data, **changes})
        return answer


async def sign_in(door: Door, **claims: Any) -> dict[str, Any]:
    """Sign in with the provider, in a fresh browser, and return the account."""
    browser = await (await Browser(door).begin()).go(**claims)
    token = (await browser.complete())["access_token"]
    account: dict[str, Any] = await door.call("get_me", token=token)
    return account


async def confirm(door: Door, email: str) -> None:
    """Let an account have confirmed its address."""
    async with door.app.state.database.write() as uow:
        await uow.session.execute(update(User).where(User.email == email).values(email_verified_at=utc_now()))


async def count(door: Door, table: Any) -> int:
    """Return how many rows there are."""
    async with door.app.state.database.read() as uow:
        found: int = await uow.session.one(select(func.count()).select_from(table))
    return found
