"""Signing in with the installation's OpenID Connect provider."""

from typing import Annotated, ClassVar

from pydantic import Field

from api.schemas.types import Flag, Input, Output, Seconds, Secret

MAX_ADDRESS = 2000
MAX_SIGN_IN = 200
MAX_STATE = 100
MAX_CODE = 4096


class OidcSignInBegin(Input):
    """Who wants to sign in with the provider."""

    example: ClassVar = {}

    redirect_uri: Annotated[
        str | None,
        Field(
            max_length=MAX_ADDRESS,
            description="Where the provider sends the browser back to: one of OIDC_REDIRECT_URIS, to the letter; the "
            "first of them if absent.",
        ),
    ] = None


class OidcSignIn(Output):
    """A sign-in with the provider that has begun."""

    authorization_url: Annotated[str, Field(description="Let the browser go there.")]
    sign_in: Annotated[
        str,
        Field(
            max_length=MAX_SIGN_IN,
            description="Keep it in this browser alone, such as in `sessionStorage`, for `complete_oidc_sign_in`.",
        ),
    ]
    expires_in: Annotated[Seconds, Field(description="Seconds until it can no longer be completed.")]


class OidcSignInCompletion(Input):
    """What the provider sent the browser back with, and what the browser kept."""

    example: ClassVar = {
        "sign_in": "tfo_AZLx0gVhfW2rRLzd4kq7GQ",
        "state": "q0k3Wk1mJ8Yw2ZJ7sVbM8A",
        "code": "SplxlOBeZQQYbYS6WxSbIA",
    }

    sign_in: Annotated[
        Secret, Field(max_length=MAX_SIGN_IN, description="What `begin_oidc_sign_in` answered in this browser.")
    ]
    state: Annotated[Secret, Field(max_length=MAX_STATE, description="From the address that the browser came back to.")]
    code: Annotated[Secret, Field(max_length=MAX_CODE, description="From the same address.")]
    refresh_in_cookie: Annotated[
        Flag,
        Field(description="Put the refresh token into a cookie, out of a page's reach. The REST door alone does that."),
    ] = False
