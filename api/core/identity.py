"""What the services need to know to create and recognise users."""

from dataclasses import dataclass

from api.core.attempts import Attempts
from api.core.challenges import Challenges
from api.core.passwords import Passwords
from api.core.refresh_tokens import RefreshTokens
from api.core.second_step import SecondStep
from api.core.tokens import Tokens


@dataclass(frozen=True)
class Identity:
    """The installation's way with passwords, tokens and newcomers."""

    passwords: Passwords
    tokens: Tokens
    refresh_tokens: RefreshTokens
    second_step: SecondStep
    challenges: Challenges
    attempts: Attempts
    registration_open: bool
