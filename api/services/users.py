"""Accounts."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from api.core.actor import Actor, Anonymous, UserActor, refuse_keys, require_person, require_user
from api.core.errors import AppError, conflict, forbidden, invalid, not_found, unauthenticated
from api.core.identity import Identity
from api.core.pages import PageArguments
from api.schemas.jobs import LetterKind, SendMail
from api.schemas.users import MeUpdate, UserCreate, UserUpdate
from api.services import access, api_keys, log, own_log, security, sessions, workspaces
from api.services.edits import apply, sent, touch
from api.services.idempotency import idempotent
from api.services.jobs import enqueue
from db.clock import utc_now
from db.errors import ConstraintViolatedError
from db.models import Member, Role, SecurityEventKind, User, UserRole, Workspace
from db.models.base import new_id
from db.paging import Page
from db.repositories import members, own_logs, provider_identities, two_step, users
from db.scope import EVERYTHING, Scope
from db.unit_of_work import ReadUnit, UnitOfWork

EMAIL_TAKEN = "This e-mail address has an account already."
CLOSED = "Registration is closed; an administrator can create the account."
LAST_ADMINISTRATOR = "This is the last administrator; make another one first."


@idempotent
async def create_user(uow: UnitOfWork, actor: Actor, data: UserCreate, *, identity: Identity) -> User:
    """Create an account with its personal workspace. Who signs up is sent a mail to confirm the address.

    Raises:
        AppError: FORBIDDEN if registration is closed or an administrator is wanted, unless an
            administrator asks, and for an API key; CONFLICT if the e-mail address is taken; RATE_LIMITED after
            too many attempts.
    """
    refuse_keys(actor)
    _check_newcomer(actor, data, identity)
    whose: tuple[str, ...] = ()
    if _is_newcomer(actor):
        await identity.attempts.sign_up(actor.address)
        whose = (actor.address or "",)
    password_hash = await identity.passwords.hash(data.password.get_secret_value(), whose=whose)
    actor = await access.hold_actor(uow, actor)
    _check_newcomer(actor, data, identity)
    user = User(id=new_id(), name=data.name, email=data.email, password_hash=password_hash, role=data.role)
    await add_account(uow, actor, user)
    if whose:
        await enqueue(uow, SendMail(letter=LetterKind.WELCOME, user_id=user.id))
    return user


async def add_account(uow: UnitOfWork, actor: Actor, user: User) -> None:
    """Write a new account and its personal workspace, for whoever was found to be entitled to it.

    Raises:
        AppError: CONFLICT if the e-mail address is taken.
    """
    if user.email is not None and await users.find_by_email(uow.session, user.email) is not None:
        raise conflict(EMAIL_TAKEN)
    workspace = Workspace(id=new_id(), name=user.name, personal=True)
    user.personal_workspace_id = workspace.id
    member = Member(workspace_id=workspace.id, user=user, role=Role.ADMIN)
    with email_conflicts():
        await uow.session.insert(workspace, user, member)
    author = UserActor(user.id, user.role, workspace.id) if isinstance(actor, Anonymous) else actor
    await log.record(uow, author, workspace.id, [log.created(workspace), log.created(member)])


def _is_newcomer(actor: Actor) -> bool:
    """Return whether somebody signs up, instead of an administrator creating an account."""
    return isinstance(actor, Anonymous) or (isinstance(actor, UserActor) and not actor.is_administrator)


def _check_newcomer(actor: Actor, data: UserCreate, identity: Identity) -> None:
    if not _is_newcomer(actor):
        return
    if not identity.registration_open:
        if isinstance(actor, Anonymous) and actor.reason is not None:
            raise unauthenticated(actor.reason)
        raise forbidden(CLOSED)
    if data.role is not UserRole.MEMBER:
        raise forbidden("Only administrators may create administrators.")


async def has_users(uow: ReadUnit, _actor: Actor) -> bool:
    """Return whether there ever was an account."""
    return await users.any_exists(uow.session)


async def get_me(uow: ReadUnit, actor: Actor) -> User:
    """Return the caller's own account, with how far its own log is."""
    user = await users.find_with_seq(uow.session, require_user(actor).id)
    if user is None:
        raise unauthenticated()
    return user


@idempotent
async def update_me(uow: UnitOfWork, actor: Actor, data: MeUpdate, *, identity: Identity) -> User:
    """Change the caller's own account. A new password ends all other sessions.

    Raises:
        AppError: VALIDATION_ERROR for a missing or wrong `current_password`, RATE_LIMITED after too many of them, or
            too many addresses; also if another change of password was faster; CONFLICT for a taken e-mail address;
            FORBIDDEN for an API key.
    """
    require_person(actor)
    values = sent(data)
    current: SecretStr | None = values.pop("current_password", None)
    proven: str | None = None
    if "email" in values or "password" in values:
        proven = await prove(uow, actor, current, identity)
    if "email" in values:
        # Whether an address is taken is told here as it is at sign-up, and no more often.
        await identity.attempts.sign_up(actor.address)
    password_hash = await _hash(values, identity)
    user = await access.enter_own_account(uow, actor)
    if proven is not None and user.password_hash != proven:
        raise wrong_password()
    await change(uow, actor, user, values, password_hash)
    return user


async def prove(uow: UnitOfWork, actor: Actor, current: SecretStr | None, identity: Identity) -> str | None:
    """Check the current password and return its hash; no connection is held meanwhile.

    Raises:
        AppError: VALIDATION_ERROR if it is missing or wrong; RATE_LIMITED after too many of them.
    """
    if current is None:
        raise invalid([("current_password", "It is needed to change the e-mail address or the password")])
    user = await users.find(uow.session, require_person(actor).id)
    if user is None or user.email is None:
        raise unauthenticated()
    await uow.session.release()
    await identity.attempts.try_password(user.email, actor.address)
    whose = (user.email, actor.address or "")
    if not await identity.passwords.verify(current.get_secret_value(), user.password_hash, whose=whose):
        # Whoever has somebody's token and guesses at the password is told of as one who guesses while signing in.
        await security.record(uow, actor, SecurityEventKind.WRONG_PASSWORD, user.id)
        raise uow.keep(wrong_password())
    await identity.attempts.forgive(user.email, actor.address)
    return user.password_hash


def wrong_password() -> AppError:
    """Return the error for a `current_password` that is not."""
    return invalid([("current_password", "It is wrong")])


async def list_users(uow: ReadUnit, actor: Actor, *, page: PageArguments) -> Page[User]:
    """Return one page of all accounts, for administrators."""
    actor.require_administrator()
    return await users.page(uow.session, page.of(users.BY_CREATED))


def known_to(actor: Actor) -> Scope:
    """Return whose colleagues the actor knows: its own, or as an administrator everybody."""
    return EVERYTHING if isinstance(actor, UserActor) and actor.is_administrator else actor.scope()


async def get_user(uow: ReadUnit, actor: Actor, user_id: UUID) -> User:
    """Return a user, as colleagues see it, for whoever shares a workspace with it and for administrators."""
    for user in await users.find_known(uow.session, known_to(actor), [user_id]):
        return user
    raise _no_user()


async def get_account(uow: ReadUnit, actor: Actor, user_id: UUID) -> User:
    """Return an account, for its owner and administrators."""
    if actor.user_id != user_id:
        actor.require_administrator()
    user = await users.find(uow.session, user_id)
    if user is None:
        raise _no_user()
    return user


async def get_users(uow: ReadUnit, _actor: Actor, ids: Sequence[UUID]) -> Sequence[User | None]:
    """Return the users with these ids, in this order: the people named by rows that the actor may see."""
    found = {user.id: user for user in await users.find_many(uow.session, list(set(ids)))}
    return [found.get(user_id) for user_id in ids]


@idempotent
async def update_user(uow: UnitOfWork, actor: Actor, user_id: UUID, data: UserUpdate, *, identity: Identity) -> User:
    """Change an account, for administrators.

    Raises:
        AppError: FORBIDDEN, NOT_FOUND; CONFLICT for a taken e-mail address or the last administrator.
    """
    actor.require_administrator()
    values = sent(data)
    password_hash = await _hash(values, identity)
    user, administrators = await access.enter_account(uow, actor, user_id)
    leaves = values.get("role", UserRole.ADMIN) is not UserRole.ADMIN or values.get("disabled", False)
    if leaves and [administrator.id for administrator in administrators] == [user.id]:
        raise conflict(LAST_ADMINISTRATOR)
    await change(uow, actor, user, values, password_hash)
    return user


@idempotent
async def delete_user(uow: UnitOfWork, actor: Actor, user_id: UUID) -> None:
    """Delete an account, for administrators.

    Workspaces of which the user was the only member go with it; in others, what it wrote stays.

    Raises:
        AppError: FORBIDDEN, NOT_FOUND; CONFLICT for the last administrator, or if the user is the
            last admin of a workspace with other members.
    """
    actor.require_administrator()
    user, administrators = await access.enter_account(uow, actor, user_id)
    if [administrator.id for administrator in administrators] == [user.id]:
        raise conflict(LAST_ADMINISTRATOR)
    await workspaces.leave_all(uow, actor, user)
    await sessions.end_all(uow, user.id)
    await api_keys.end_all(uow, user.id)
    await two_step.delete_all_of(uow.session, user.id)
    await provider_identities.delete_all_of(uow.session, user.id)
    await own_logs.remove(uow.session, user.id)
    await security.record(uow, actor, SecurityEventKind.ACCOUNT_DELETED, user.id)
    # Only now: see the order of locks in `access`.
    user.name = "Deleted user"
    user.email = user.password_hash = user.personal_workspace_id = user.two_step_since = None
    user.role = UserRole.MEMBER
    user.deleted_at = utc_now()
    await uow.session.flush()


async def _hash(values: dict[str, object], identity: Identity) -> str | None:
    """Take the new password, if any, out of the values and return its hash."""
    values.pop("password_confirm", None)
    password = values.pop("password", None)
    return await identity.passwords.hash(password.get_secret_value()) if isinstance(password, SecretStr) else None


async def change(
    uow: UnitOfWork, actor: Actor, user: User, values: dict[str, object], password_hash: str | None
) -> None:
    """Set the values. What shuts somebody out ends sessions for good, also if the account is enabled again.

    Who is disabled loses the API keys too. A new password leaves them: programs do not know it.

    A new address is not confirmed, unless the values say so, and gets a mail to be.

    Raises:
        AppError: CONFLICT if somebody else has the address.
    """
    if password_hash is not None:
        values = {**values, "password_hash": password_hash}
    email = values.get("email")
    if isinstance(email, str) and email != user.email and await users.find_by_email(uow.session, email) is not None:
        # Found before the write, two who swap their addresses do not wait for each other.
        raise conflict(EMAIL_TAKEN)
    if isinstance(email, str) and email != user.email and "email_verified_at" not in values:
        values = {**values, "email_verified_at": None}
        await enqueue(uow, SendMail(letter=LetterKind.VERIFICATION, user_id=user.id))
    if values.get("disabled") and not user.disabled:
        await sessions.end_all(uow, user.id)
        await api_keys.end_all(uow, user.id)
    elif password_hash is not None:
        # Whoever changes it stays signed in with the session that it is changed by.
        await sessions.end_all(uow, user.id, but=actor.session_id if isinstance(actor, UserActor) else None)
    for kind, details in list(_told(user, values)):
        await security.record(uow, actor, kind, user.id, **details)
    async with own_log.changing(uow, actor, user, values), _renaming(uow, actor, user, values):
        if apply(user, values):
            with email_conflicts():
                await uow.session.flush()
            uow.touched_users.add(user.id)


@asynccontextmanager
async def _renaming(uow: UnitOfWork, actor: Actor, user: User, values: dict[str, object]) -> AsyncIterator[None]:
    """Tell each workspace of the user, all of which are locked, if the block gives it another name."""
    if values.get("name", user.name) == user.name:
        yield
        return
    before = [(member, log.snapshot(member)) for member in await members.all_of(uow.session, user.id)]
    yield
    for member, _ in before:
        touch(member)
    await uow.session.flush()
    for member, former in before:
        await log.record(uow, actor, member.workspace_id, [log.updated(member, former)])


def _told(user: User, values: dict[str, object]) -> Iterator[tuple[SecurityEventKind, dict[str, Any]]]:
    """Yield what the security log is told of a change that is about to be made."""
    if "password_hash" in values:
        yield SecurityEventKind.PASSWORD_CHANGED, {}
    if values.get("disabled", user.disabled) != user.disabled:
        yield SecurityEventKind.ACCOUNT_ENABLED if user.disabled else SecurityEventKind.ACCOUNT_DISABLED, {}
    for name, kind in (("email", SecurityEventKind.EMAIL_CHANGED), ("role", SecurityEventKind.ROLE_CHANGED)):
        before, after = getattr(user, name), values.get(name, getattr(user, name))
        if before != after:
            yield kind, {"before": before, "after": after}


@contextmanager
def email_conflicts() -> Iterator[None]:
    """Name the cause when somebody else took the address between the look and the write."""
    try:
        yield
    except ConstraintViolatedError as error:
        if "email" not in str(error):
            raise
        raise conflict(EMAIL_TAKEN) from error


def _no_user() -> AppError:
    return not_found("user")
