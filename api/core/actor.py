"""Who calls. Every service function takes an actor; there is no default and no missing value."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from api.core.errors import forbidden, unauthenticated
from db.models import UserRole
from db.scope import EVERYTHING, Scope


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
    # Until when the access token counts. None is one that does not expire.
    expires_at: datetime | None = None
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

    def scope(self) -> Scope:
        """Return the user's own memberships."""
        return self.id

    def require_administrator(self) -> None:
        """Refuse anyone but administrators."""
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
