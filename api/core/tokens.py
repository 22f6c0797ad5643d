"""Access tokens: JSON Web Tokens (RFC 7519) signed with HMAC-SHA-256, and nothing else accepted."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt

ALGORITHM = "HS256"
ISSUER = "twofold"
AUDIENCE = "twofold-api"
STREAM_AUDIENCE = "twofold-stream"
OWN = "own"
"""What the ticket of an account's own log says instead of a workspace."""
LEEWAY = timedelta(seconds=10)
"""By how much the clocks of two machines may differ (RFC 7519, sections 4.1.4 and 4.1.5)."""
REQUIRED_CLAIMS = ("sub", "iat", "exp", "jti", "iss", "aud", "sid")


class TokenError(Exception):
    """A token that does not count; the message says why and is safe to show."""


@dataclass(frozen=True)
class Claims:
    """What a valid token says: whose it is, of which session, and until when."""

    user_id: UUID
    session_id: UUID
    token_id: str
    # Until when what was opened with it may go on.
    expires_at: datetime
    # What a stream ticket is good for, None being the log of its own user; None of an access token.
    workspace_id: UUID | None = None


class Tokens:
    """Issues and reads access tokens with one secret."""

    def __init__(self, secret: str, *, lifetime: timedelta) -> None:
        self._secret = secret
        self.lifetime = lifetime

    def issue(self, user_id: UUID, session_id: UUID, *, now: datetime | None = None) -> str:
        """Return a token for a user's session, with which it ends."""
        return self._sign(user_id, session_id, now or datetime.now(UTC), self.lifetime, {"aud": AUDIENCE})

    def issue_ticket(
        self, user_id: UUID, session_id: UUID, workspace_id: UUID | None, expires_at: datetime, until: datetime
    ) -> str:
        """Return a ticket that opens the stream of one log, and nothing else, until it expires: None is the user's own.

        The stream may then go on `until` the access token that the ticket was asked for with expires.
        """
        now = datetime.now(UTC)
        place = OWN if workspace_id is None else str(workspace_id)
        purpose = {"aud": STREAM_AUDIENCE, "wsp": place, "unt": until.timestamp()}
        return self._sign(user_id, session_id, now, expires_at - now, purpose)

    def read(self, token: str) -> Claims:
        """Return the claims of a valid access token.

        Raises:
            TokenError: it has expired, or is not one of ours.
        """
        return self._read(token, AUDIENCE)

    def read_ticket(self, ticket: str) -> Claims:
        """Return the claims of a valid stream ticket.

        Raises:
            TokenError: it has expired, or is not one of ours.
        """
        return self._read(ticket, STREAM_AUDIENCE)

    def _sign(
        self, user_id: UUID, session_id: UUID, issued: datetime, lifetime: timedelta, more: dict[str, Any]
    ) -> str:
        claims = {
            "sub": str(user_id),
            "iat": issued,
            "exp": issued + lifetime,
            "jti": uuid4().hex,
            "iss": ISSUER,
            "sid": str(session_id),
            **more,
        }
        return jwt.encode(claims, self._secret, algorithm=ALGORITHM)

    def _read(self, token: str, audience: str) -> Claims:
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                audience=audience,
                issuer=ISSUER,
                leeway=LEEWAY,
                options={"require": list(REQUIRED_CLAIMS)},
            )
            expires_at = _end(claims)
            is_ticket = audience == STREAM_AUDIENCE
            return Claims(
                UUID(claims["sub"]),
                UUID(claims["sid"]),
                str(claims["jti"]),
                datetime.fromtimestamp(claims["unt"], UTC) if is_ticket else expires_at,
                None if not is_ticket or claims["wsp"] == OWN else UUID(claims["wsp"]),
            )
        except jwt.ExpiredSignatureError as error:
            raise TokenError("The access token has expired. Refresh the session, or sign in again.") from error
        except (jwt.InvalidTokenError, KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
            raise TokenError("The access token is not valid.") from error


def _end(claims: dict[str, Any]) -> datetime:
    """Return when the token ends here: its `exp` with the leeway, which is no more than a tenth of a short life.

    Raises:
        ExpiredSignatureError: it has ended.
    """
    issued, expires = (datetime.fromtimestamp(claims[name], UTC) for name in ("iat", "exp"))
    end = expires + max(min(LEEWAY, (expires - issued) / 10), timedelta())
    if datetime.now(UTC) >= end:
        raise jwt.ExpiredSignatureError
    return end
