"""What authlib does: the address that begins a sign-in, and whether an ID token counts.

Apart from all else, as it takes a quarter of a second to import.
"""

from typing import Any

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from api.core.oidc.sign_ins import SignIn
from api.core.tokens import LEEWAY

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""Signatures that the provider alone can make. Never `none`, and never HMAC, whose key a client knows as well."""

_BROKEN = (JoseError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)


class IdTokenError(Exception):
    """An ID token that does not count; the message is for the log."""


class UnknownKeyError(IdTokenError):
    """It is signed by a key that was not known when the keys were read."""


def authorization_url(endpoint: str, client_id: str, redirect_uri: str, scopes: str, sign_in: SignIn) -> str:
    """Return the address at the provider that begins a sign-in (OpenID Connect Core 1.0, section 3.1.2.1)."""
    url: str = prepare_grant_uri(
        endpoint,
        client_id,
        "code",
        redirect_uri=redirect_uri,
        scope=scopes,
        state=sign_in.state,
        nonce=sign_in.nonce,
        code_challenge=create_s256_code_challenge(sign_in.verifier),
        code_challenge_method="S256",
    )
    return url


def read_keys(document: dict[str, Any]) -> KeySet:
    """Return the keys of a JWK set.

    Raises:
        ValueError: it is none.
    """
    try:
        return KeySet.import_key_set(document)  # type: ignore[arg-type]  # it raises for what it is not
    except _BROKEN as error:
        raise ValueError("no keys that are understood") from error


def read_id_token(
    text: str, keys: KeySet, *, issuer: str, client_id: str, nonce: str, access_token: str | None
) -> dict[str, Any]:
    """Return the claims of an ID token that counts (OpenID Connect Core 1.0, section 3.1.3.7).

    Raises:
        IdTokenError: it does not; UnknownKeyError if other keys might prove that it does.
    """
    try:
        token = jwt.decode(text, keys, registry=JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False))
        claims = CodeIDToken(
            token.claims,
            token.header,
            {name: {"essential": True, "value": value} for name, value in (("iss", issuer), ("aud", client_id))},
            {"nonce": nonce, "client_id": client_id, "access_token": access_token},
        )
        claims.validate(leeway=int(LEEWAY.total_seconds()))
    except InvalidKeyIdError as error:
        raise UnknownKeyError(str(error)) from error
    except _BROKEN as error:
        raise IdTokenError(f"{type(error).__name__}: {error}") from error
    return dict(claims)
