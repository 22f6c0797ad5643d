"""Two-step sign-in: setting it up, switching it off, and new recovery codes."""

from datetime import timedelta
from uuid import UUID

from api.core.actor import Actor, require_person
from api.core.errors import AppError, ErrorCode, conflict, forbidden, unauthenticated
from api.core.identity import Identity
from api.schemas.jobs import TellOfTwoStepOff
from api.schemas.two_step import RecoveryCodes, TwoStepBegin, TwoStepEnabling, TwoStepProof, TwoStepSecret
from api.services import access, security
from api.services.edits import apply
from api.services.idempotency import idempotent
from api.services.jobs import enqueue
from api.services.second_step import try_code, use_code, wrong_code
from api.services.users import prove, wrong_password
from db.clock import utc_now
from db.models import SecurityEventKind, TwoStep, User
from db.repositories import two_step, users
from db.unit_of_work import UnitOfWork

SETUP_LIFETIME = timedelta(hours=1)
"""So long what was begun may be confirmed."""

ON = "Two-step sign-in is on already. Switch it off first."
OFF = "Two-step sign-in is not on."
NOT_BEGUN = "Begin to set it up first; what was begun has to be confirmed within an hour."
OWN = "Switch off your own with `disable_two_step`, which needs your password and a code."


async def begin_two_step(uow: UnitOfWork, actor: Actor, data: TwoStepBegin, *, identity: Identity) -> TwoStepSecret:
    """Make a secret for an authenticator app. Until `enable_two_step` confirms it, nothing changes.

    Raises:
        AppError: UNAUTHENTICATED; VALIDATION_ERROR for a wrong password, RATE_LIMITED after too many of them;
            CONFLICT if two-step sign-in is on.
    """
    user = await _enter(uow, actor, await prove(uow, actor, data.current_password, identity))
    if user.two_step_since is not None:
        raise conflict(ON)
    await two_step.delete_all_of(uow.session, user.id)
    secret = identity.second_step.new_secret()
    sealed = identity.second_step.seal(secret, user.id)
    await uow.session.insert(TwoStep(user_id=user.id, secret=sealed, created_at=utc_now()))
    return TwoStepSecret(secret=secret, uri=identity.second_step.uri(secret, user.email or ""))


async def enable_two_step(uow: UnitOfWork, actor: Actor, data: TwoStepEnabling, *, identity: Identity) -> RecoveryCodes:
    """Switch two-step sign-in on, once the app shows the right code.

    Raises:
        AppError: UNAUTHENTICATED; CONFLICT if it is on, or was not begun; VALIDATION_ERROR for a wrong code;
            RATE_LIMITED after too many codes.
    """
    await identity.attempts.try_code(require_person(actor).id, actor.address)
    user = await access.enter_own_account(uow, actor)
    if user.two_step_since is not None:
        raise conflict(ON)
    shared, now = await two_step.find(uow.session, user.id), utc_now()
    if shared is None or shared.created_at <= now - SETUP_LIFETIME:
        raise conflict(NOT_BEGUN)
    step = identity.second_step.step_of(shared.secret, user.id, data.code.get_secret_value(), now)
    if step is None:
        raise wrong_code()
    shared.last_step = step
    apply(user, {"two_step_since": now})
    await uow.session.flush()
    await security.record(uow, actor, SecurityEventKind.TWO_STEP_ENABLED, user.id)
    return await _new_codes(uow, user, identity)


@idempotent
async def disable_two_step(uow: UnitOfWork, actor: Actor, data: TwoStepProof, *, identity: Identity) -> User:
    """Switch two-step sign-in off.

    Raises:
        AppError: UNAUTHENTICATED; CONFLICT if it is not on; VALIDATION_ERROR for a wrong password or code;
            RATE_LIMITED after too many of them.
    """
    user = await _enter_by_both_steps(uow, actor, data, identity)
    await switch_off(uow, actor, user)
    return user


async def renew_recovery_codes(
    uow: UnitOfWork, actor: Actor, data: TwoStepProof, *, identity: Identity
) -> RecoveryCodes:
    """Make new recovery codes; the old ones count no more.

    Raises:
        AppError: as `disable_two_step`.
    """
    user = await _enter_by_both_steps(uow, actor, data, identity)
    await security.record(uow, actor, SecurityEventKind.RECOVERY_CODES_MADE, user.id)
    return await _new_codes(uow, user, identity)


@idempotent
async def reset_two_step(uow: UnitOfWork, actor: Actor, user_id: UUID) -> User:
    """Switch somebody's two-step sign-in off who lost app and recovery codes, for administrators.

    Raises:
        AppError: UNAUTHENTICATED; FORBIDDEN, also for one's own; NOT_FOUND; CONFLICT if it is not on.
    """
    actor.require_administrator()
    if actor.user_id == user_id:
        # Or whoever finds an administrator's browser open would need neither password nor code.
        raise forbidden(OWN)
    user, _ = await access.enter_account(uow, actor, user_id)
    if user.two_step_since is None:
        raise conflict(OFF)
    await switch_off(uow, actor, user)
    return user


async def reset_two_step_of(uow: UnitOfWork, actor: Actor, email: str) -> User:
    """Do the same for the account that has an address, in the form in which it is stored.

    Raises:
        AppError: as `reset_two_step`.
    """
    actor.require_administrator()
    found = await users.find_by_email(uow.session, email)
    if found is None:
        raise AppError(ErrorCode.NOT_FOUND, "No account has this e-mail address.")
    user: User = await reset_two_step(uow, actor, found.id)
    return user


async def switch_off(uow: UnitOfWork, actor: Actor, user: User) -> None:
    """Let the password alone be enough for a user whose account is locked, who is told by mail.

    An address that nobody proved to read is told nothing: it may be that of somebody else.
    """
    await two_step.delete_all_of(uow.session, user.id)
    apply(user, {"two_step_since": None})
    await uow.session.flush()
    await security.record(uow, actor, SecurityEventKind.TWO_STEP_DISABLED, user.id)
    if user.email_verified_at is not None:
        notice = TellOfTwoStepOff(user_id=user.id, at=utc_now(), by_administrator=actor.user_id != user.id)
        await enqueue(uow, notice)


async def _enter(uow: UnitOfWork, actor: Actor, proven: str | None) -> User:
    """Lock the caller's account, whose password was proven to be the one with this hash."""
    user = await access.enter_own_account(uow, actor)
    if user.password_hash != proven:
        raise wrong_password()
    return user


async def _enter_by_both_steps(uow: UnitOfWork, actor: Actor, data: TwoStepProof, identity: Identity) -> User:
    """Lock the caller's account after its password and a code of it, which counts with that."""
    proven = await prove(uow, actor, data.current_password, identity)
    known = await users.find(uow.session, require_person(actor).id)
    if known is None:
        raise unauthenticated(access.GONE)
    if known.two_step_since is None:
        raise conflict(OFF)
    code = data.code.get_secret_value()
    await try_code(uow, actor, known, code, identity=identity)
    user = await _enter(uow, actor, proven)
    if user.two_step_since is None:
        raise conflict(OFF)
    await use_code(uow, actor, user, code, identity=identity)
    return user


async def _new_codes(uow: UnitOfWork, user: User, identity: Identity) -> RecoveryCodes:
    codes = identity.second_step.new_recovery_codes()
    digests = [identity.second_step.digest_of(code, user.id) for code in codes]
    await two_step.replace_codes(uow.session, user.id, digests)
    return RecoveryCodes(codes=codes)
