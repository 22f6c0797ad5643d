"""The refresh token in a cookie, where no script of a page can read it: for browser apps, at the REST door.

Against requests that another site makes its visitors send (cross-site request forgery) there are three walls: the
browser sends the cookie to its own site only (`SameSite=Strict`); bodies are JSON, which a form cannot send; and the
`Origin`, which no script can forge, must be ours or one of `CORS_ORIGINS`, so that another host of the same site is
kept out too. `__Host-` keeps those hosts from planting a cookie of theirs (RFC 6265bis, section 4.1.3.2).
"""

from fastapi import Request, Response
from pydantic import SecretStr

from api.config import Settings
from api.core.errors import forbidden
from api.schemas.sessions import MAX_TOKEN, AccessToken, SessionRefresh

NAME = "__Host-refresh"


def check_origin(request: Request) -> None:
    """Refuse who is not a page of ours, or of an origin that the settings name; `*` is the name of none.

    Raises:
        AppError: FORBIDDEN.
    """
    settings: Settings = request.app.state.settings
    origin = request.headers.get("origin", "")
    is_own = origin.partition("://")[2] == request.headers.get("host", "").lower() != ""
    if not is_own and origin not in settings.cors_origins:
        raise forbidden("The cookie is for pages of this server and of CORS_ORIGINS; there is no such Origin.")


def take(request: Request) -> SessionRefresh:
    """Return what the cookie holds; without one, nothing.

    Raises:
        AppError: FORBIDDEN for a foreign page.
    """
    token = request.cookies.get(NAME)
    if token is None:
        return SessionRefresh()
    check_origin(request)
    return SessionRefresh(refresh_token=SecretStr(token[:MAX_TOKEN]))


def put(response: Response, answer: AccessToken) -> AccessToken:
    """Move the refresh token from the answer into the cookie."""
    assert answer.refresh_token is not None  # noqa: S101 - the service answers one
    response.set_cookie(
        NAME,
        answer.refresh_token,
        max_age=answer.refresh_expires_in,
        path="/",
        secure=True,
        httponly=True,
        samesite="strict",
    )
    return answer.model_copy(update={"refresh_token": None})


def clear(request: Request, response: Response) -> None:
    """Let a browser that has the cookie forget it."""
    if NAME in request.cookies:
        response.delete_cookie(NAME, path="/", secure=True, httponly=True, samesite="strict")
