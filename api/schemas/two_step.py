"""Two-step sign-in: setting it up, and signing in with it."""

from typing import Annotated, ClassVar

from pydantic import Field

from api.core.second_step import RECOVERY_CODES
from api.schemas.types import Flag, Input, Output, Secret
from api.schemas.users import GivenPassword

MAX_CODE = 64
MAX_CHALLENGE = 200

AppCode = Annotated[Secret, Field(max_length=MAX_CODE, description="The six digits that the authenticator app shows.")]
AnyCode = Annotated[
    Secret,
    Field(max_length=MAX_CODE, description="The six digits that the authenticator app shows, or a recovery code."),
]
CurrentPassword = Annotated[GivenPassword, Field(description="The present password.")]


class LoginCompletion(Input):
    """The second step of a sign-in."""

    example: ClassVar = {"challenge": "tfc_AZLx0gVhfW2rRLzd4kq7GQ", "code": "492039"}

    challenge: Annotated[
        Secret, Field(max_length=MAX_CHALLENGE, description="From the `details` of what `login` answered.")
    ]
    code: AnyCode
    refresh_in_cookie: Annotated[
        Flag,
        Field(description="Put the refresh token into a cookie, out of a page's reach. The REST door alone does that."),
    ] = False


class TwoStepBegin(Input):
    """Who wants two-step sign-in."""

    example: ClassVar = {"current_password": "Analytical1"}

    current_password: CurrentPassword


class TwoStepSecret(Output):
    """What the authenticator app needs. It is shown this once."""

    secret: Annotated[str, Field(max_length=100, description="In base32, to type it into the app.")]
    uri: Annotated[str, Field(max_length=2000, description="The same as an `otpauth://` address, for a QR code.")]


class TwoStepEnabling(Input):
    """The proof that the app has the secret."""

    example: ClassVar = {"code": "492039"}

    code: AppCode


class TwoStepProof(Input):
    """The proof that it is still you: both steps once more."""

    example: ClassVar = {"current_password": "Analytical1", "code": "492039"}

    current_password: CurrentPassword
    code: AnyCode


class RecoveryCodes(Output):
    """Codes for when the app is out of reach, each of which counts once. They are shown this once."""

    codes: Annotated[
        list[str], Field(max_length=RECOVERY_CODES, description="Print them, or put them where passwords are.")
    ]
