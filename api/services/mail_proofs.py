"""What people prove by mail: that an address is theirs, and with it that the account is.

Nothing here tells whether an address has an account. Where that would decide what is done, a job decides it later:
the request costs the same and answers the same for everybody.
"""

from api.core.actor import Actor, refuse_keys, require_person, require_user
from api.core.errors import AppError, invalid, unauthenticated
from api.core.identity import Identity
from api.core.mail_tokens import digest_of
from api.schemas.jobs import LetterKind, SendMail
from api.schemas.mail import EmailChange, EmailVerification, PasswordReset, PasswordResetRequest, Receipt
from api.services import api_keys, two_step
from api.services.idempotency import idempotent
from api.services.jobs import enqueue
from api.services.users import change, prove
from db.clock import utc_now
from db.models import MailPurpose, MailToken, User
from db.repositories import mail_tokens, users, webhooks, workspaces
from db.scope import EVERYTHING
from db.unit_of_work import UnitOfWork

SENT = Receipt(message="A mail is on its way.")
SENT_PERHAPS = Receipt(message="If there is an account with this address, a mail is on its way to it.")
CONFIRMED = Receipt(message="The address is confirmed.")
CHANGED = Receipt(message="The password is changed. Sign in with the new one.")

_PROVING = (MailPurpose.VERIFICATION, MailPurpose.EMAIL_CHANGE)
_RESETTING = (MailPurpose.PASSWORD_RESET,)


@idempotent
async def request_email_verification(uow: UnitOfWork, actor: Actor, *, identity: Identity) -> Receipt:
    """Send the caller a mail to confirm the address of the account.

    Raises:
        AppError: UNAUTHENTICATED; RATE_LIMITED after too many mails.
    """
    user = await users.find(uow.session, require_person(actor).id)
    if user is None or user.email is None:
        raise unauthenticated()
    email = user.email
    await uow.session.release()
    await identity.attempts.ask_for_mail(email, actor.address)
    await enqueue(uow, SendMail(letter=LetterKind.VERIFICATION, user_id=require_user(actor).id))
    return SENT


@idempotent
async def verify_email(uow: UnitOfWork, actor: Actor, data: EmailVerification) -> Receipt:
    """Confirm an address by the token of a mail to it; one that was asked for by `change_email` is the account's now.

    Raises:
        AppError: VALIDATION_ERROR for a token that does not count; CONFLICT if the address got another account.
    """
    refuse_keys(actor)
    token = await mail_tokens.lock_valid(
        uow.session, digest_of(data.token.get_secret_value()), _PROVING, now := utc_now()
    )
    user = await _owner(uow, token)
    if token is None or user is None:
        raise _bad_token()
    if token.purpose is MailPurpose.VERIFICATION and user.email != token.email:
        raise _bad_token()
    if token.purpose is MailPurpose.EMAIL_CHANGE and digest_of(user.password_hash or "") != token.password_digest:
        # Whoever asked for it knew a password that counts no more.
        raise _bad_token()
    token.used_at = now
    await change(uow, actor, user, {"email": token.email, "email_verified_at": now}, None)
    await uow.session.flush()
    return CONFIRMED


@idempotent
async def request_password_reset(
    uow: UnitOfWork, actor: Actor, data: PasswordResetRequest, *, identity: Identity
) -> Receipt:
    """Send a mail to choose a new password with, if the address has an account.

    Raises:
        AppError: RATE_LIMITED after too many mails, to this address or from the caller's.
    """
    refuse_keys(actor)
    await identity.attempts.ask_for_mail(data.email, actor.address)
    await enqueue(uow, SendMail(letter=LetterKind.PASSWORD_RESET, email=data.email))
    return SENT_PERHAPS


@idempotent
async def reset_password(uow: UnitOfWork, actor: Actor, data: PasswordReset, *, identity: Identity) -> Receipt:
    """Set a new password by the token of a mail. It ends all sessions, and all other such mails.

    If the address was not confirmed until now, API keys, two-step sign-in and the webhooks of the personal workspace
    end as well: whoever signed up with it may have been somebody else.

    Raises:
        AppError: VALIDATION_ERROR for a token that does not count.
    """
    refuse_keys(actor)
    digest = digest_of(data.token.get_secret_value())
    # A look before the work, so that nobody has passwords hashed for nothing.
    if await mail_tokens.find_valid(uow.session, digest, _RESETTING, utc_now()) is None:
        raise _bad_token()
    await uow.session.release()
    password_hash = await identity.passwords.hash(data.password.get_secret_value(), whose=(actor.address or "",))
    token = await mail_tokens.lock_valid(uow.session, digest, _RESETTING, now := utc_now())
    user = await _owner(uow, token)
    # Whose password or address is another one since has shown to be here without this mail.
    if (
        token is None
        or user is None
        or user.email != token.email
        or digest_of(user.password_hash or "") != token.password_digest
    ):
        raise _bad_token()
    token.used_at = now
    if user.email_verified_at is None:
        await _clear_out(uow, actor, user)
    await change(uow, actor, user, {"email_verified_at": now}, password_hash)
    await uow.session.flush()
    return CHANGED


@idempotent
async def change_email(uow: UnitOfWork, actor: Actor, data: EmailChange, *, identity: Identity) -> Receipt:
    """Send a mail to the address that the account shall have; it changes when `verify_email` gets its token.

    Raises:
        AppError: UNAUTHENTICATED; VALIDATION_ERROR for a wrong password; RATE_LIMITED after too many attempts or mails.
    """
    user = require_person(actor)
    proven = await prove(uow, actor, data.current_password, identity)
    await identity.attempts.ask_for_mail(data.email, actor.address)
    asked_with = digest_of(proven or "")
    await enqueue(
        uow, SendMail(letter=LetterKind.EMAIL_CHANGE, user_id=user.id, email=data.email, asked_with=asked_with)
    )
    return SENT


async def _clear_out(uow: UnitOfWork, actor: Actor, user: User) -> None:
    """End what opens an account, which is locked, to whoever signed up with an address that was not theirs.

    They may have waited for its owner to come (Sudhodanan and Paverd, "Pre-hijacked accounts", 2022).
    """
    await api_keys.end_all(uow, user.id)
    if user.two_step_since is not None:
        await two_step.switch_off(uow, actor, user)
    if user.personal_workspace_id is not None:
        await workspaces.lock(uow.session, EVERYTHING, user.personal_workspace_id)
        await webhooks.remove_all_of(uow.session, user.personal_workspace_id)


async def _owner(uow: UnitOfWork, token: MailToken | None) -> User | None:
    """Return whose token it is, locked, unless the account is gone or disabled."""
    user = None if token is None else await users.lock(uow.session, token.user_id)
    return None if user is None or user.disabled else user


def _bad_token() -> AppError:
    return invalid([("token", "It is not valid, was used already, or has expired")])
