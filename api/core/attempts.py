"""How often somebody may guess a secret, or make something for nothing.

What needs a token is limited by the budget alone (`api.core.budget`): a token cannot be guessed, and whoever has one is
known. To limit something else, add it to `RULES` with a setting, and let its service spend an attempt before it does
anything.
"""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from limits import RateLimitItem

from api.core.addresses import network_of
from api.core.counters import Counters
from api.core.errors import rate_limited


class Limited(StrEnum):
    """What is limited. The names are those of counters."""

    PASSWORD_BY_ADDRESS = "password by address"  # noqa: S105 - the name of a counter
    PASSWORD_BY_ACCOUNT_AND_ADDRESS = "password by account and address"  # noqa: S105 - as above
    PASSWORD_BY_ACCOUNT = "password by account"  # noqa: S105 - as above
    SECOND_STEP_BY_ADDRESS = "second step by address"
    SECOND_STEP_BY_ACCOUNT = "second step by account"
    OIDC_BY_ADDRESS = "sign-in with the provider by address"
    SIGN_UP_BY_ADDRESS = "sign-up by address"
    MAIL_BY_ADDRESS = "mail by address"
    MAIL_BY_MAILBOX = "mail by mailbox"
    INVITATION_BY_USER = "invitation by user"
    BUDGET = "budget"


class Rule(NamedTuple):
    """How something is limited: a line of the table, in words for people, as README shows it."""

    setting: str
    """The setting that says how often, or how much."""
    what: str
    by: str


RULES: Mapping[Limited, Rule] = {
    Limited.PASSWORD_BY_ADDRESS: Rule(
        "login_attempts_per_address", "passwords that are tried, whether right or wrong: each costs a hash", "address"
    ),
    Limited.PASSWORD_BY_ACCOUNT_AND_ADDRESS: Rule(
        "login_attempts",
        "wrong passwords, at sign-in and as the current one; the right one begins anew",
        "account and address, whether or not there is such an account",
    ),
    Limited.PASSWORD_BY_ACCOUNT: Rule(
        "login_attempts_per_account",
        "the same from everywhere; beyond it each address has one try left, so that nobody locks an owner out",
        "account",
    ),
    Limited.SECOND_STEP_BY_ADDRESS: Rule(
        "second_step_attempts_per_address", "codes that are tried at the second step, whether right or wrong", "address"
    ),
    Limited.SECOND_STEP_BY_ACCOUNT: Rule(
        "second_step_attempts",
        "wrong codes from everywhere, which only who knows the password can try; the right one begins anew",
        "account",
    ),
    Limited.OIDC_BY_ADDRESS: Rule(
        "oidc_attempts_per_address",
        "sign-ins with the provider: to begin counts, and so does to complete",
        "address",
    ),
    Limited.SIGN_UP_BY_ADDRESS: Rule(
        "sign_ups_per_address",
        "sign-ups, and addresses that `update_me` shall set, also those that have an account; not by administrators",
        "address",
    ),
    Limited.MAIL_BY_ADDRESS: Rule("mails_per_address", "mails that are asked for, whoever would get them", "address"),
    Limited.MAIL_BY_MAILBOX: Rule(
        "mails_per_mailbox", "the same, whoever asks", "mailbox, whether or not it has an account"
    ),
    Limited.INVITATION_BY_USER: Rule(
        "invitations_per_user", "invitations that are sent, into whatever workspace; each is a mail, too", "user"
    ),
    Limited.BUDGET: Rule(
        "budget",
        "everything, by the fields that may come back, at both doors and on sockets",
        "user, or address without sign-in",
    ),
}
"""Everything that is limited by time: what, by whom it is counted, and where it is said how often."""


class Attempts:
    """Counts attempts; without limits it lets everybody pass."""

    def __init__(self, limits: Mapping[Limited, RateLimitItem] | None, counters: Counters) -> None:
        self._limits = limits
        self._counters = counters

    async def try_password(self, account: str, address: str | None) -> None:
        """Spend an attempt to name an account's password, before it is looked at.

        Raises:
            AppError: RATE_LIMITED.
        """
        if self._limits is None:
            return
        who, whose = _who(address), _digest(account)
        await self._spend(Limited.PASSWORD_BY_ADDRESS, who)
        await self._spend(Limited.PASSWORD_BY_ACCOUNT_AND_ADDRESS, whose, who)
        overall = self._limits[Limited.PASSWORD_BY_ACCOUNT]
        if await self._counters.hit(overall, Limited.PASSWORD_BY_ACCOUNT, whose) is not None:
            seconds = await self._counters.hit(_once_per(overall), "last try", whose, who)
            if seconds is not None:
                raise rate_limited(seconds)

    async def forgive(self, account: str, address: str | None) -> None:
        """Begin anew for an account at an address: the password was right."""
        if self._limits is not None:
            who, whose = _who(address), _digest(account)
            name = Limited.PASSWORD_BY_ACCOUNT_AND_ADDRESS
            await self._counters.clear(self._limits[name], name, whose, who)
            await self._counters.clear(_once_per(self._limits[Limited.PASSWORD_BY_ACCOUNT]), "last try", whose, who)

    async def try_code(self, user_id: UUID, address: str | None) -> None:
        """Spend an attempt to name a code of an account, before it is looked at.

        Raises:
            AppError: RATE_LIMITED.
        """
        await self._spend(Limited.SECOND_STEP_BY_ADDRESS, _who(address))
        await self._spend(Limited.SECOND_STEP_BY_ACCOUNT, str(user_id))

    async def forgive_code(self, user_id: UUID) -> None:
        """Begin anew for an account: the code was right."""
        if self._limits is not None:
            name = Limited.SECOND_STEP_BY_ACCOUNT
            await self._counters.clear(self._limits[name], name, str(user_id))

    async def try_provider(self, address: str | None) -> None:
        """Spend an attempt to sign in with the provider, before it is asked anything.

        Raises:
            AppError: RATE_LIMITED.
        """
        await self._spend(Limited.OIDC_BY_ADDRESS, _who(address))

    async def sign_up(self, address: str | None) -> None:
        """Spend an attempt to create an account for oneself.

        Raises:
            AppError: RATE_LIMITED.
        """
        await self._spend(Limited.SIGN_UP_BY_ADDRESS, _who(address))

    async def ask_for_mail(self, mailbox: str, address: str | None) -> None:
        """Spend an attempt to have a mail sent.

        Raises:
            AppError: RATE_LIMITED.
        """
        await self._spend(Limited.MAIL_BY_ADDRESS, _who(address))
        await self._spend(Limited.MAIL_BY_MAILBOX, _digest(mailbox))

    async def invite(self, mailbox: str, inviter: str) -> None:
        """Spend an attempt to have an invitation sent; it is one of the mails to its mailbox.

        Raises:
            AppError: RATE_LIMITED.
        """
        await self._spend(Limited.INVITATION_BY_USER, inviter)
        await self._spend(Limited.MAIL_BY_MAILBOX, _digest(mailbox))

    async def _spend(self, name: Limited, *key: str) -> None:
        if self._limits is not None:
            seconds = await self._counters.hit(self._limits[name], name, *key)
            if seconds is not None:
                raise rate_limited(seconds)


def _who(address: str | None) -> str:
    return network_of(address or "")


def _digest(account: str) -> str:
    """Return a name for the account that has one length, and tells nobody who reads the counters."""
    return hashlib.blake2b(account.encode(errors="surrogatepass"), digest_size=16).hexdigest()


def _once_per(limit: RateLimitItem) -> RateLimitItem:
    return type(limit)(1, limit.multiples)
