"""The second step of signing in, for accounts that have it switched on."""

from api.core.actor import Actor, refuse_keys
from api.core.challenges import LIFETIME
from api.core.errors import AppError, invalid, second_step_needed, unauthenticated
from api.core.identity import Identity
from api.core.mail_tokens import digest_of
from api.core.seals import SealError
from api.core.second_step import is_of_app
from api.schemas.sessions import AccessToken
from api.schemas.two_step import LoginCompletion
from api.services import security, sessions
from db.clock import utc_now
from db.models import RecoveryCode, SecurityEventKind, SignInChallenge, TwoStep, User
from db.models.base import new_id
from db.repositories import two_step, users
from db.unit_of_work import ReadUnit, UnitOfWork

EXPIRED = "This sign-in has expired, or was completed already. Begin again with your password."


async def ask(uow: UnitOfWork, user: User, *, identity: Identity, **told: str) -> AppError:
    """Return what whoever did the first step is told; `user` is locked, and has two-step sign-in.

    The challenge is for this sign-in alone: it counts once, for a few minutes, and as long as the password stays.
    """
    now = utc_now()
    await two_step.delete_expired_challenges(uow.session, user.id, now)
    row = SignInChallenge(
        id=new_id(),
        user_id=user.id,
        password_digest=digest_of(user.password_hash or ""),
        expires_at=now + LIFETIME,
    )
    await uow.session.insert(row)
    return second_step_needed(identity.challenges.of(row.id, user.id).text, int(LIFETIME.total_seconds()), **told)


async def complete_login(uow: UnitOfWork, actor: Actor, data: LoginCompletion, *, identity: Identity) -> AccessToken:
    """Begin a session for the challenge that `login` answered, and a code.

    Raises:
        AppError: UNAUTHENTICATED for a challenge that does not count; VALIDATION_ERROR for a code that does not;
            RATE_LIMITED after too many codes; FORBIDDEN for an API key.
    """
    refuse_keys(actor)
    try:
        given = identity.challenges.read(data.challenge.get_secret_value())
    except SealError as error:
        raise unauthenticated(EXPIRED) from error
    challenge = await two_step.find_challenge(uow.session, given.id, utc_now())
    user = await users.find(uow.session, given.user_id)
    # Nobody spends attempts of the account with a challenge that is over, or with a password that was changed.
    _, known = _admit(challenge, user)
    code = data.code.get_secret_value()
    await try_code(uow, actor, known, code, identity=identity)
    # What was found before anything was locked may have changed meanwhile.
    user = await users.lock(uow.session, given.user_id)
    challenge = await two_step.find_challenge(uow.session, given.id, utc_now())
    challenge, user = _admit(challenge, user)
    await use_code(uow, actor, user, code, identity=identity)
    await uow.session.delete(challenge)
    return await sessions.begin(uow, actor, user, identity=identity)


def _admit(challenge: SignInChallenge | None, user: User | None) -> tuple[SignInChallenge, User]:
    if (
        challenge is None
        or user is None
        or user.disabled
        or user.two_step_since is None
        or challenge.password_digest != digest_of(user.password_hash or "")
    ):
        raise unauthenticated(EXPIRED)
    return challenge, user


async def try_code(uow: UnitOfWork, actor: Actor, user: User, code: str, *, identity: Identity) -> None:
    """Look at a code before anything is locked: each look is an attempt. No connection is held meanwhile.

    Raises:
        AppError: VALIDATION_ERROR if it does not count, which the security log is told; RATE_LIMITED.
    """
    await uow.session.release()
    await identity.attempts.try_code(user.id, actor.address)
    if await _find(uow, user, code, identity) is None:
        raise await _refuse(uow, actor, user)
    await uow.session.release()
    await identity.attempts.forgive_code(user.id)


async def use_code(uow: UnitOfWork, actor: Actor, user: User, code: str, *, identity: Identity) -> None:
    """Let a code count, once, for a user whose account is locked.

    Raises:
        AppError: VALIDATION_ERROR if it does not, which the security log is told.
    """
    match await _find(uow, user, code, identity):
        case (TwoStep() as shared, step):
            shared.last_step = step
            await uow.session.flush()
        case RecoveryCode() as found:
            await uow.session.delete(found)
            left = await two_step.count_codes(uow.session, user.id)
            kind = SecurityEventKind.RECOVERY_CODE_USED
            await security.record(uow, actor, kind, user.id, who=str(user.id), left=left)
        case None:
            # Somebody else was faster with it.
            raise await _refuse(uow, actor, user)


async def _refuse(uow: UnitOfWork, actor: Actor, user: User) -> AppError:
    await security.record(uow, actor, SecurityEventKind.SECOND_STEP_FAILED, user.id)
    return uow.keep(wrong_code())


def wrong_code() -> AppError:
    """Return the error for a code that does not count; it tells nobody whether it ever did."""
    return invalid([("code", "It is wrong, or was used already")])


async def _find(uow: ReadUnit, user: User, code: str, identity: Identity) -> tuple[TwoStep, int] | RecoveryCode | None:
    """Return what a code belongs to, with the number of its time step, unless it does not count."""
    if not is_of_app(code):
        return await two_step.find_code(uow.session, user.id, identity.second_step.digest_of(code, user.id))
    shared = await two_step.find(uow.session, user.id)
    if shared is None:
        return None
    step = identity.second_step.step_of(shared.secret, user.id, code, utc_now())
    # A code counts once, and none that is older (RFC 6238, section 5.2).
    if step is None or (shared.last_step is not None and step <= shared.last_step):
        return None
    return shared, step
