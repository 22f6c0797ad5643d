"""Which account somebody at the sign-in provider has: that of last time, the one with their address, or a new one.

Whoever signed in once is known by issuer and subject, whatever becomes of the address at the provider (OpenID Connect
Core 1.0, section 5.7). Who comes for the first time is linked by the address, under three conditions:

- The provider says that the address is confirmed.
- The account has confirmed it here. Else whoever signed up with somebody else's address, and waited for them, would
  share the account from then on: by a session, an API key, a webhook, or an address that is about to be changed
  (Sudhodanan and Paverd, "Pre-hijacked accounts", 2022). To take all of that away would need to know all of it, and
  would take from an honest owner what they have. So the owner of the address proves it here first, by mail.
- Nobody else at the provider has the account: an address that is given to a successor gives them no account.
"""

from pydantic import TypeAdapter, ValidationError

from api.core.actor import Actor
from api.core.errors import AppError, conflict, forbidden, unauthenticated
from api.core.identity import Identity
from api.core.oidc.provider import Provider, Who
from api.schemas.emails import Email
from api.schemas.types import Name
from api.services import security
from api.services.users import CLOSED, add_account
from db.clock import utc_now
from db.models import ProviderIdentity, SecurityEventKind, User, UserRole
from db.models.base import new_id
from db.repositories import provider_identities, users
from db.unit_of_work import UnitOfWork

DISABLED = "The account is disabled."
UNCONFIRMED = "The sign-in provider does not say that your e-mail address is confirmed, which it has to be at first."
UNCONFIRMED_HERE = (
    "There is an account with your e-mail address, but the address was not confirmed here yet. Confirm it by mail, "
    "or choose a new password by mail, and then sign in with the provider."
)
TAKEN = "The account with your e-mail address belongs to somebody else at the sign-in provider."

_email: TypeAdapter[str] = TypeAdapter(Email)
_name: TypeAdapter[str] = TypeAdapter(Name)


async def prepare(uow: UnitOfWork, actor: Actor, who: Who, *, identity: Identity, provider: Provider) -> None:
    """Spend an attempt to sign up, if that is what it will be. No connection is held meanwhile.

    Raises:
        AppError: RATE_LIMITED.
    """
    is_known = await provider_identities.find_user_id(uow.session, who.issuer, who.subject) is not None
    email = confirmed_email(who)
    is_known = is_known or email is None or await users.find_by_email(uow.session, email) is not None
    await uow.session.release()
    if not is_known and provider.options.registration_open:
        await identity.attempts.sign_up(actor.address)


async def enter(uow: UnitOfWork, actor: Actor, who: Who, *, provider: Provider) -> User:
    """Return the account, locked; it is linked, or made, if need be. Refusals are in the security log.

    Raises:
        AppError: UNAUTHENTICATED if it is disabled; FORBIDDEN without a confirmed address, or if registration is
            closed; CONFLICT if the account with the address cannot be linked.
    """
    user_id = await provider_identities.find_user_id(uow.session, who.issuer, who.subject)
    if user_id is not None:
        user = await users.lock(uow.session, user_id)
        if user is None or user.disabled:
            raise await _refuse(uow, actor, user, unauthenticated(DISABLED))
        return user
    email = confirmed_email(who)
    if email is None:
        raise await _refuse(uow, actor, None, forbidden(UNCONFIRMED))
    found = await users.find_by_email(uow.session, email)
    if found is not None:
        user = await _check_linking(uow, actor, await users.lock(uow.session, found.id), email)
        # Two first sign-ins of one person may come at once; for the second it is no longer the first.
        if await provider_identities.find_user_id(uow.session, who.issuer, who.subject) == user.id:
            return user
        if await provider_identities.has_one(uow.session, user.id, who.issuer):
            raise await _refuse(uow, actor, user, conflict(TAKEN))
    elif not provider.options.registration_open:
        raise await _refuse(uow, actor, None, forbidden(CLOSED), email=email)
    else:
        role = UserRole.MEMBER
        user = User(id=new_id(), name=_name_of(who, email), email=email, email_verified_at=utc_now(), role=role)
        await add_account(uow, actor, user)
    await uow.session.insert(ProviderIdentity(issuer=who.issuer, subject=who.subject, user_id=user.id))
    linked = SecurityEventKind.IDENTITY_LINKED
    await security.record(uow, actor, linked, user.id, who=str(user.id), issuer=who.issuer, subject=who.subject)
    return user


def confirmed_email(who: Who) -> str | None:
    """Return the address of somebody in the form in which it is stored, if it counts."""
    if not who.email_confirmed or who.email is None:
        return None
    try:
        return _email.validate_python(who.email)
    except ValidationError:
        return None


async def _check_linking(uow: UnitOfWork, actor: Actor, user: User | None, email: str) -> User:
    """Return an account that was locked, unless it cannot be linked."""
    if user is None or user.email != email:
        # It changed between the look and the lock.
        raise conflict("The account with your e-mail address was changed at this moment. Begin again.")
    if user.disabled:
        raise await _refuse(uow, actor, user, unauthenticated(DISABLED))
    if user.email_verified_at is None:
        raise await _refuse(uow, actor, user, conflict(UNCONFIRMED_HERE))
    return user


async def _refuse(uow: UnitOfWork, actor: Actor, user: User | None, error: AppError, **told: str) -> AppError:
    await security.record(uow, actor, SecurityEventKind.SIGN_IN_FAILED, user.id if user else None, **told)
    return uow.keep(error)


def _name_of(who: Who, email: str) -> str:
    """Return what others shall see: what the provider calls somebody, if that can be a name here."""
    for name in (who.name, email.partition("@")[0]):
        try:
            return _name.validate_python(name)
        except ValidationError:
            continue
    return email[:100]
