"""What the scenarios of invitations do again and again."""

from typing import Any
from uuid import UUID

from fastapi import FastAPI
from sqlalchemy import update

from api.core.mail_tokens import digest_of
from db.clock import utc_now
from db.models import Invitation, User
from tests.doors.door import Door
from tests.doors.people import Person, World

NEW = "grace@example.com"
TOKEN = "the token of a letter"


async def invite(door: Door, world: World, email: str, *, by: Person | None = None, **data: Any) -> dict[str, Any]:
    """Let the admin, or somebody else, invite an address."""
    token, values = (by or world.admin).token, {"email": email, **data}
    invitation: dict[str, Any] = await door.call("invite_member", token=token, id=str(world.workspace), data=values)
    return invitation


async def listed(door: Door, token: str, workspace: UUID | None = None, **page: Any) -> list[dict[str, Any]]:
    """Return the invitations into a workspace, or else those for the caller."""
    into = {} if workspace is None else {"workspace_id": str(workspace)}
    found = await door.call("list_invitations", token=token, **into, **page)
    assert found["next_cursor"] is None or page
    rows: list[dict[str, Any]] = found["data"]
    return rows


async def accept(door: Door, who: str | None, /, **data: Any) -> Any:
    return await door.call("accept_invitation", token=who, data=data)


async def decline(door: Door, who: str | None = None, /, **data: Any) -> Any:
    return await door.call("decline_invitation", token=who, data=data)


async def revoke(door: Door, token: str | None, invitation_id: str) -> None:
    await door.call("revoke_invitation", token=token, id=invitation_id)


async def confirm(app: FastAPI, *people: Person) -> None:
    """Let people have proven to read their addresses."""
    async with app.state.database.write() as uow:
        ids = [person.id for person in people]
        await uow.session.execute(update(User).where(User.id.in_(ids)).values(email_verified_at=utc_now()))


async def send(app: FastAPI, invitation_id: str, token: str = TOKEN) -> None:
    """Note a token as the job does that sends the letter."""
    await change(app, invitation_id, digest=digest_of(token))


async def change(app: FastAPI, invitation_id: str, **values: Any) -> None:
    async with app.state.database.write() as uow:
        await uow.session.execute(update(Invitation).where(Invitation.id == UUID(invitation_id)).values(**values))


async def roles(door: Door, world: World) -> dict[str, str]:
    members = await door.call("list_members", token=world.admin.token, id=str(world.workspace))
    return {member["user"]["name"]: member["role"] for member in members["data"]}


async def seq_of(door: Door, world: World) -> int:
    seq: int = (await door.call("get_workspace", token=world.admin.token, id=str(world.workspace)))["seq"]
    return seq
