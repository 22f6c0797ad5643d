"""Who calls. Every service function takes an actor; there is no default and no missing value."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from api.core.api_keys import KeyGrant
from api.core.errors import forbidden, unauthenticated
from db.models import KeyAccess, UserRole
from db.scope import EVERYTHING, Scope, Within


class Actor(ABC):
    """Somebody, or nobody, or the system itself: see the three kinds below."""

    @property
    def user_id(self) -> UUID | None:
        """The user's id, None for the system."""
        return None

    @property
    def address(self) -> str | None:
        """The network address it calls from, None for the system."""
        return None

    @property
    def device(self) -> str | None:
        """What it says it calls with (`User-Agent`), None for the system."""
        return None

    @property
    @abstractmethod
    def label(self) -> str:
        """How the actor is called in the log."""

    @abstractmethod
    def scope(self) -> Scope:
        """Return whose rows this actor may see.

        Raises:
            AppError: UNAUTHENTICATED for nobody.
        """

    @abstractmethod
    def require_administrator(self) -> None:
        """Check the right to manage accounts.

        Raises:
            AppError: UNAUTHENTICATED or FORBIDDEN.
        """


@dataclass(frozen=True)
class UserActor(Actor):
    """A user who proved to be this user."""

    id: UUID
    role: UserRole
    personal_workspace_id: UUID
    # The session that it is signed in with; None needs none, such as who has just signed up.
    session_id: UUID | None = None
    # Until when the access token or API key counts. None is one that does not expire.
    expires_at: datetime | None = None
    # The API key that it calls by instead of a session, with which it is its user with less.
    key: KeyGrant | None = None
    # From where; the same user is the same actor anywhere.
    address: str | None = field(default=None, compare=False)
    device: str | None = field(default=None, compare=False)

    @property
    def user_id(self) -> UUID:
        """The user's id."""
        return self.id

    @property
    def label(self) -> str:
        """The user's id."""
        return str(self.id)

    @property
    def key_id(self) -> UUID | None:
        """The API key that it calls by, if it does."""
        return None if self.key is None else self.key.id

    @property
    def proof_id(self) -> UUID | None:
        """The session or API key that its right depends on, None if it needs neither."""
        return self.session_id if self.key is None else self.key.id

    @property
    def is_administrator(self) -> bool:
        """Whether it may manage accounts."""
        return self.role is UserRole.ADMIN and self.key is None

    @property
    def home(self) -> UUID:
        """The workspace that is meant where none is named: that of the API key, or else the personal one."""
        own = self.personal_workspace_id
        return own if self.key is None else self.key.workspace_id or own

    def scope(self) -> Scope:
        """Return the user's own memberships, or of them the one that the API key is for."""
        if self.key is None or self.key.workspace_id is None:
            return self.id
        return Within(self.id, self.key.workspace_id)

    def require_administrator(self) -> None:
        """Refuse anyone but administrators, and their API keys."""
        refuse_keys(self)
        if self.role is not UserRole.ADMIN:
            raise forbidden("Only administrators may do this.")


@dataclass(frozen=True)
class Anonymous(Actor):
    """Nobody in particular; `reason` tells why a token that was sent did not count."""

    reason: str | None = None
    address: str | None = field(default=None, compare=False)
    device: str | None = field(default=None, compare=False)

    @property
    def label(self) -> str:
        """The word for nobody."""
        return "anonymous"

    def scope(self) -> Scope:
        """Refuse: nobody sees nothing."""
        raise unauthenticated(self.reason) if self.reason else unauthenticated()

    def require_administrator(self) -> None:
        """Refuse."""
        self.scope()


@dataclass(frozen=True)
class System(Actor):
    """Twofold itself, at work for whoever holds the server's command line."""

    @property
    def label(self) -> str:
        """The word for the system."""
        return "system"

    def scope(self) -> Scope:
        """Return everything."""
        return EVERYTHING

    def require_administrator(self) -> None:
        """Allow."""


ANONYMOUS = Anonymous()
SYSTEM = System()


def require_user(actor: Actor) -> UserActor:
    """Return the actor as a user.

    Raises:
        AppError: UNAUTHENTICATED for nobody, FORBIDDEN for the system, which owns nothing.
    """
    if isinstance(actor, UserActor):
        return actor
    actor.scope()
    raise forbidden("Only a user can do this.")


def require_person(actor: Actor) -> UserActor:
    """Return the actor as a user who is there, and has not sent an API key.

    Raises:
        AppError: as `require_user`; FORBIDDEN for an API key.
    """
    user = require_user(actor)
    refuse_keys(user)
    return user


def refuse_keys(actor: Actor) -> None:
    """Check that no API key calls: accounts, and what comes with them, are for people alone.

    Raises:
        AppError: FORBIDDEN.
    """
    if isinstance(actor, UserActor) and actor.key is not None:
        raise forbidden("An API key may not do this; sign in for it.")


def require_writing(actor: Actor, *, anywhere: bool = False) -> None:
    """Check that the actor may change anything at all; `anywhere` is outside the present workspaces too.

    Raises:
        AppError: FORBIDDEN for an API key that may only read, or that is for one workspace.
    """
    key = actor.key if isinstance(actor, UserActor) else None
    if key is None:
        return
    if key.access is not KeyAccess.WRITE:
        raise forbidden("This API key may only read.")
    if anywhere and key.workspace_id is not None:
        raise forbidden("This API key is for one workspace, and for nothing outside it.")
