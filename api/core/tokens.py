"""Access tokens: JSON Web Tokens (RFC 7519) signed with HMAC-SHA-256, and nothing else accepted."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import jwt

ALGORITHM = "HS256"
ISSUER = "twofold"
AUDIENCE = "twofold-api"
REQUIRED_CLAIMS = ("sub", "iat", "exp", "jti", "iss", "aud", "gen")


class TokenError(Exception):
    """A token that does not count; the message says why and is safe to show."""


@dataclass(frozen=True)
class Claims:
    """What a valid token says: whose it is, of which generation, and until when."""

    user_id: UUID
    generation: int
    token_id: str
    expires_at: datetime


class Tokens:
    """Issues and reads access tokens with one secret."""

    def __init__(self, secret: str, *, lifetime: timedelta) -> None:
        self._secret = secret
        self.lifetime = lifetime

    def issue(self, user_id: UUID, generation: int, *, now: datetime | None = None) -> str:
        """Return a token for a user. `generation` is the user's present one; raising it there ends the token."""
        issued = now or datetime.now(UTC)
        claims = {
            "sub": str(user_id),
            "iat": issued,
            "exp": issued + self.lifetime,
            "jti": uuid4().hex,
            "iss": ISSUER,
            "aud": AUDIENCE,
            "gen": generation,
        }
        return jwt.encode(claims, self._secret, algorithm=ALGORITHM)

    def read(self, token: str) -> Claims:
        """Return the claims of a valid token.

        Raises:
            TokenError: it has expired, or is not one of ours.
        """
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": list(REQUIRED_CLAIMS)},
            )
            return Claims(
                UUID(claims["sub"]),
                int(claims["gen"]),
                str(claims["jti"]),
                datetime.fromtimestamp(claims["exp"], UTC),
            )
        except jwt.ExpiredSignatureError as error:
            raise TokenError("The access token has expired. Sign in again.") from error
        except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError) as error:
            raise TokenError("The access token is not valid.") from error
