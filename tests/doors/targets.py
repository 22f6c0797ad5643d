"""What the permission matrix acts on, made through the services, without a door."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from fastapi import FastAPI
from sqlalchemy import select, update

from api.core.mail_tokens import digest_of
from api.schemas.api_keys import ApiKeyCreate
from api.schemas.items import ItemCreate
from api.schemas.jobs import LetterKind, SendMail
from api.schemas.messages import MessageCreate
from api.schemas.workspaces import MemberAdd, WorkspaceCreate
from api.services.api_keys import create_api_key
from api.services.files import delete_file
from api.services.items import create_item, delete_item
from api.services.jobs import enqueue
from api.services.members import add_member
from api.services.messages import create_message
from api.services.workspaces import create_workspace
from db.clock import utc_now
from db.engine import Database
from db.models import (
    Blob,
    DeliveryStatus,
    File,
    Invitation,
    MailPurpose,
    MailToken,
    Message,
    Role,
    Thumbnails,
    Upload,
    User,
    Webhook,
    WebhookDelivery,
    WebhookKind,
    WebhookPause,
)
from db.models.base import new_id
from db.repositories import users
from db.unit_of_work import UnitOfWork
from tests.doors.authenticator import write_second_step, write_set_up
from tests.doors.people import Person, World, make_person, sign_in
from tests.doors.uploading import add_file


@dataclass(frozen=True)
class Target:
    """A shared workspace with everything in it, and an account outside it."""

    workspace: UUID
    item: UUID
    trashed: UUID
    message: UUID
    own_message: UUID
    bystander: UUID
    outsider: UUID
    refresh_token: str
    own_session: UUID
    foreign_session: UUID
    own_key: UUID
    foreign_key: UUID
    invitation: UUID
    own_invitation: UUID
    waiting_job: UUID
    cancelled_job: UUID
    challenge: str
    webhook: UUID
    delivery: UUID
    file: UUID
    trashed_file: UUID
    message_file: UUID
    own_file: UUID
    upload: UUID
    own_upload: UUID
    picture: UUID


@dataclass(frozen=True)
class Cast:
    """The callers of one column of the matrix, and the people around them."""

    world: World
    caller: Person | None
    founder: Person
    bystander: Person


async def make_cast(app: FastAPI, world: World, caller: Person | None) -> Cast:
    """Add the people who are never callers."""
    return Cast(world, caller, await make_person(app, "founder"), await make_person(app, "bystander"))


async def make_target(app: FastAPI, cast: Cast) -> Target:
    """Make a workspace that has the world's people in their roles, and what the caller once wrote there."""
    world, founder = cast.world, cast.founder
    outsider = await make_person(app, "outsider")
    database: Database = app.state.database
    async with database.write() as uow:
        workspace = (await create_workspace(uow, founder.actor, WorkspaceCreate(name="Target"))).id
        for person, role in (
            (world.admin, Role.ADMIN),
            (world.editor, Role.EDITOR),
            (world.viewer, Role.VIEWER),
            (cast.bystander, Role.EDITOR),
        ):
            await add_member(uow, founder.actor, workspace, MemberAdd(user_id=person.id, role=role))
        item, trashed = [
            await create_item(uow, founder.actor, ItemCreate(workspace_id=workspace, title=title))
            for title in ("Seeds", "Weeds")
        ]
        await delete_item(uow, founder.actor, trashed.id)
        message = await create_message(uow, founder.actor, MessageCreate(workspace_id=workspace, body="Which?"))
        # Whatever the caller may do today, it once could write.
        own = Message(workspace_id=workspace, author_id=(cast.caller or founder).id, body="Mine")
        await uow.session.insert(own)
        jobs = [new_id(), new_id()]
        for job_id in jobs:
            await enqueue(uow, SendMail(letter=LetterKind.WELCOME, user_id=outsider.id), job_id=job_id)
        invited = _invitation(workspace, founder, outsider.email, "invitation")
        # Whoever it is, into a workspace that it is no member of yet.
        own_invitation = _invitation(founder.home, founder, (cast.caller or cast.bystander).email, "own invitation")
        await uow.session.insert(invited, own_invitation)
        await uow.session.execute(update(User).values(email_verified_at=utc_now()))
        for purpose in (MailPurpose.VERIFICATION, MailPurpose.PASSWORD_RESET):
            owner = await users.find(uow.session, outsider.id)
            assert owner is not None
            await uow.session.insert(_token(purpose, owner))
        webhook, delivery = await make_webhook(uow, workspace)
        own_key, foreign_key = [
            (await create_api_key(uow, person.actor, ApiKeyCreate(name="Import"))).id
            for person in (cast.caller or founder, cast.bystander)
        ]
    file = await add_file(app, founder, item_id=item.id)
    trashed_file = await add_file(app, founder, workspace_id=workspace)
    message_file = await add_file(app, founder, message_id=message.id)
    async with database.write() as uow:
        await delete_file(uow, founder.actor, trashed_file.id)
        own_file = await _file_of(uow, own)
        upload = promised(workspace, founder.id)
        picture = await _picture_like(uow, own_file)
        own_upload = promised(workspace, own.author_id)
        await uow.session.insert(upload, own_upload, promised(workspace, own.author_id, done=own_file))
    await database.jobs().cancel(jobs[1])
    challenge = await write_second_step(app, outsider.id)
    await write_set_up(app, (cast.caller or founder).id)
    refresh_token, session = await sign_in(app, cast.caller or founder)
    return Target(
        workspace,
        item.id,
        trashed.id,
        message.id,
        own.id,
        cast.bystander.id,
        outsider.id,
        refresh_token,
        session,
        cast.bystander.session,
        own_key,
        foreign_key,
        invited.id,
        own_invitation.id,
        jobs[0],
        jobs[1],
        challenge,
        webhook.id,
        delivery.id,
        file.id,
        trashed_file.id,
        message_file.id,
        own_file,
        upload.id,
        own_upload.id,
        picture,
    )


async def _picture_like(uow: UnitOfWork, file_id: UUID) -> UUID:
    """Add a file with the same bytes that calls itself a picture, with a thumbnail that is its own first byte."""
    like = await uow.session.one(select(File).where(File.id == file_id))
    same = {name: getattr(like, name) for name in ("workspace_id", "owner_id", "blob_id", "size", "sha256")}
    file = File(name="a.png", media_type="image/png", **same)
    part = {"start": 0, "length": 1, "width": 256, "height": 1}
    made = Thumbnails(
        blob_id=like.blob_id,
        workspace_id=like.workspace_id,
        stored_id=like.blob_id,
        parts={"contain-256": part},
    )
    await uow.session.insert(file, made)
    return file.id


def promised(workspace: UUID, owner: UUID, *, done: UUID | None = None) -> Upload:
    """Return the promise of three bytes, or one that was kept."""
    now = utc_now()
    return Upload(
        id=done or new_id(),
        workspace_id=workspace,
        owner_id=owner,
        name="promised.txt",
        size=3,
        expires_at=now + timedelta(hours=1),
        completed_at=now if done else None,
    )


def _invitation(workspace: UUID, inviter: Person, email: str, token: str) -> Invitation:
    """Return an invitation whose letter, with this token, was sent."""
    return Invitation(
        workspace_id=workspace,
        email=email,
        role=Role.EDITOR,
        inviter_id=inviter.id,
        expires_at=utc_now() + timedelta(hours=1),
        letter_id=new_id(),
        digest=digest_of(token),
    )


async def _file_of(uow: UnitOfWork, message: Message) -> UUID:
    """Add a file to a message in its author's name, whatever that may do today; its bytes are there already."""
    blob = await uow.session.one(select(Blob).where(Blob.workspace_id == message.workspace_id))
    file = File(
        workspace_id=message.workspace_id,
        message_id=message.id,
        owner_id=message.author_id,
        blob_id=blob.id,
        name="mine.txt",
        size=blob.size,
        sha256=blob.sha256,
        media_type="text/plain",
    )
    await uow.session.insert(file)
    return file.id


async def make_webhook(uow: UnitOfWork, workspace_id: UUID) -> tuple[Webhook, WebhookDelivery]:
    """Make a webhook that was told of the first change of its workspace. It is paused, so that no job writes for it."""
    pause = WebhookPause.BY_ADMIN
    webhook = Webhook(
        id=new_id(), workspace_id=workspace_id, url="https://example.com/hook", seq=1, paused_reason=pause
    )
    now = utc_now()
    delivery = WebhookDelivery(
        id=new_id(),
        webhook_id=webhook.id,
        workspace_id=workspace_id,
        seq=1,
        kind=WebhookKind.MEMBER_CREATED,
        status=DeliveryStatus.DELIVERED,
        attempts=1,
        status_code=204,
        milliseconds=20,
        first_attempt_at=now,
        last_attempt_at=now,
    )
    await uow.session.insert(webhook, delivery)
    return webhook, delivery


def _token(purpose: MailPurpose, owner: User) -> MailToken:
    """Return a token that was sent, and whose text is its purpose."""
    return MailToken(
        id=new_id(),
        digest=digest_of(purpose),
        purpose=purpose,
        user_id=owner.id,
        email=owner.email or "",
        password_digest=digest_of(owner.password_hash or ""),
        expires_at=utc_now() + timedelta(hours=1),
    )
