"""What the provider signs, and what nobody else can: which ID tokens count."""

import base64
import hashlib
import hmac
import json
from time import time
from typing import Any

import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from api.core.errors import AppError
from api.core.oidc.id_tokens import ALGORITHMS, IdTokenError, UnknownKeyError, read_id_token, read_keys
from api.core.oidc.provider import Metadata, OidcOptions, Provider, ProviderRefusalError
from api.core.oidc.sign_ins import SignIn, SignIns
from db.clock import utc_now
from db.models.base import new_id
from tests.conftest import SECRET
from tests.oidc.real_provider import CALLBACK, KEYS, RealProvider, sign_in_there

ISSUER, CLIENT, NONCE, ACCESS = "https://provider.example.com", "twofold", "a nonce", "an access token"
PUBLIC: dict[str, Any] = {**KEYS.as_dict(private=False)}
"""The keys as everybody may read them."""


def claims(**changes: Any) -> dict[str, Any]:
    """Return the claims of a token that counts, with changes; None takes one away."""
    now = int(time())
    good = {"iss": ISSUER, "aud": CLIENT, "sub": "ada", "nonce": NONCE, "iat": now, "exp": now + 300}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def signed(key: Any = KEYS, header: dict[str, Any] | None = None, **changes: Any) -> str:
    """Return a token as the provider signs it, unless another key or header is named."""
    head = {"alg": "RS256", "kid": "first", **(header or {})}
    registry = jws.JWSRegistry(algorithms=[head["alg"]], strict_check_header=False)
    return jwt.encode(head, claims(**changes), key, registry=registry)


def read(token: str) -> dict[str, Any]:
    return read_id_token(token, read_keys(PUBLIC), issuer=ISSUER, client_id=CLIENT, nonce=NONCE, access_token=ACCESS)


def half_hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()[:16]
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def part(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def by_hmac(secret: bytes) -> str:
    text = f"{part({'alg': 'HS256', 'kid': 'first'})}.{part(claims())}"
    signature = hmac.digest(secret, text.encode(), "sha256")
    return f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def test_a_token_for_this_sign_in_counts() -> None:
    now = int(time())
    changes: dict[str, Any]
    for changes in (
        {},
        {"aud": [CLIENT]},
        {"aud": [CLIENT, "another"], "azp": CLIENT},
        {"at_hash": half_hash(ACCESS)},
        # The clocks of two machines may differ a little, as for tokens of ours.
        {"exp": now - 5},
        {"iat": now + 5, "nbf": now + 5},
    ):
        assert read(signed(**changes))["sub"] == "ada", changes


def test_a_token_for_anybody_or_anything_else_does_not() -> None:
    now = int(time())
    changes: dict[str, Any]
    for changes in (
        {"iss": None},
        {"iss": ISSUER + "/"},
        {"iss": "https://evil.example.com"},
        {"aud": None},
        {"aud": "another"},
        {"aud": []},
        {"aud": ["another"], "azp": CLIENT},
        {"aud": [CLIENT, "another"]},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"azp": "another"},
        {"sub": None},
        {"sub": 1},
        {"nonce": None},
        {"nonce": ""},
        {"nonce": "another nonce"},
        {"exp": None},
        {"exp": now - 15},
        {"exp": "tomorrow"},
        {"exp": True},
        {"iat": None},
        {"iat": now + 30},
        {"nbf": now + 30},
        {"at_hash": half_hash("another")},
        {"at_hash": "é"},
    ):
        with pytest.raises(IdTokenError):
            read(signed(**changes))


def test_nobody_else_signs_one() -> None:
    forger = RSAKey.generate_key(2048, {"kid": "first"}, private=True)
    pem = RSAKey.import_key(PUBLIC["keys"][0]).as_pem(private=False)
    unsigned: tuple[Any, ...] = ("none", "None", "nOnE", "", None, 1, [])
    good = signed().split(".")
    forged = [
        signed(forger),
        signed(ECKey.generate_key("P-256", {"kid": "first"}, private=True), {"alg": "ES256"}),
        # The key that everybody may read, taken for the secret of an HMAC.
        *(by_hmac(secret) for secret in (pem, pem.strip(), json.dumps(PUBLIC).encode(), b"")),
        *(f"{part({'alg': alg, 'kid': 'first'})}.{good[1]}." for alg in unsigned),
        f"{part({'alg': 'none'})}.{good[1]}.{good[2]}",
        f"{good[0]}.{part(claims(sub='mallory'))}.{good[2]}",
        f"{good[0]}.{good[1]}.",
        # The key is the provider's, whatever a token says.
        signed(forger, {"jwk": forger.as_dict(private=False)}),
        signed(forger, {"jku": "https://evil.example.com/keys"}),
        f"{part({'alg': 'RS256', 'kid': 'first', 'crit': ['exp2'], 'exp2': 1})}.{good[1]}.{good[2]}",
        jws.serialize_compact({"alg": "RS256", "kid": "first"}, b"[1]", KEYS),
        "",
        "..",
        "a.b.c",
        "é.é.é",
        "\ud800",
        ".".join(good[:2]),
        ".".join([*good, good[2]]),
    ]
    for token in forged:
        with pytest.raises(IdTokenError):
            read(token)
    assert not {"none", "HS256", "HS384", "HS512"} & set(ALGORITHMS)
    with pytest.raises(UnknownKeyError):
        read(signed(KEYS.keys[0], header={"kid": "second"}))


def make_provider(issuer: str) -> tuple[Provider, SignIn]:
    """Return a provider as a process has it, and a sign-in that was begun."""
    options = OidcOptions(issuer, CLIENT, None, "openid", [CALLBACK], registration_open=True)
    provider = Provider(options, SignIns(SECRET))
    return provider, provider.sign_ins.begin(new_id(), CALLBACK, utc_now())


async def test_new_keys_are_found_and_nobody_makes_us_ask_for_them_in_vain(
    provider: RealProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, sign_in = make_provider(provider.issuer)
    metadata: Metadata = await ours._described()
    asked = []
    fetch = ours._fetcher.get

    async def get(url: str, **more: Any) -> dict[str, Any]:
        asked.append(url)
        return await fetch(url, **more)

    monkeypatch.setattr(ours._fetcher, "get", get)
    first, second = [RSAKey.generate_key(2048, {"kid": kid}, private=True) for kid in ("old", "made up")]
    # What the provider had signed with before it changed its keys.
    ours._keys, ours._keys_until = KeySet([first]), float("inf")
    token = signed(iss=provider.issuer, nonce=sign_in.nonce)
    assert (await ours._read(token, metadata, sign_in, None))["sub"] == "ada"
    assert asked == [metadata.jwks_uri]
    for _ in range(3):
        made_up = signed(second, {"kid": "made up"}, iss=provider.issuer, nonce=sign_in.nonce)
        with pytest.raises(ProviderRefusalError):
            await ours._read(made_up, metadata, sign_in, None)
    assert asked == [metadata.jwks_uri]
    # A minute later it is worth another look, one for all who come then.
    ours._next_look_at_keys = 0.0
    for _ in range(3):
        with pytest.raises(ProviderRefusalError):
            await ours._read(made_up, metadata, sign_in, None)
    assert asked == [metadata.jwks_uri] * 2


async def test_what_the_provider_answers_is_looked_at_closely(
    provider: RealProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real provider's answer to a real code, with what a bad one might put in its place."""
    ours, sign_in = make_provider(provider.issuer)
    ours.options = OidcOptions(provider.issuer, "public", None, "openid", [CALLBACK], registration_open=True)
    back = await sign_in_there(await ours.authorization_url(sign_in, CALLBACK), "ada", email="ada@example.com")
    who = await ours.identify(back["code"], sign_in, CALLBACK)
    assert (who.issuer, who.subject, who.email, who.email_confirmed) == (provider.issuer, "ada", None, False)
    good: dict[str, Any] = {"iss": provider.issuer, "aud": "public", "nonce": sign_in.nonce}

    async def told(answer: Any, status: int = 200, info: dict[str, Any] | None = None) -> Any:
        async def ask(*_: Any, **__: Any) -> tuple[int, Any]:
            return status, answer

        async def get(*_: Any, **__: Any) -> Any:
            return info

        with monkeypatch.context() as patch:
            patch.setattr(ours._fetcher, "ask", ask)
            patch.setattr(ours._fetcher, "get", get)
            return await ours.identify("a code", sign_in, CALLBACK)

    claim: Any
    answer: dict[str, Any]
    for claim in (True, "true"):
        answer = {"id_token": signed(**good, email="a@example.com", email_verified=claim)}
        assert (await told(answer)).email_confirmed, claim
    for claim in (False, 1, "True", "yes", [True], None):
        answer = {"id_token": signed(**good, email="a@example.com", email_verified=claim)}
        assert not (await told(answer)).email_confirmed, claim
    small = {"id_token": signed(**good), "access_token": ACCESS}
    more = {"email": "a@example.com", "email_verified": True}
    assert (await told(small, info={**more, "sub": "ada"})).email == "a@example.com"
    # What the ID token calls confirmed is not the address that the user info tells.
    claiming = {"id_token": signed(**good, email_verified=True), "access_token": ACCESS}
    assert not (await told(claiming, info={**more, "sub": "ada", "email_verified": False})).email_confirmed
    assert not (await told(claiming, info={"sub": "ada", "email": "a@example.com"})).email_confirmed
    refused: tuple[tuple[dict[str, Any], int, dict[str, Any] | None], ...] = (
        ({}, 200, None),
        ({"id_token": 1}, 200, None),
        ({"error": "invalid_grant"}, 400, None),
        ({"id_token": signed(**good)}, 302, None),
        # Whose user info that is, the ID token says (OpenID Connect Core 1.0, section 5.3.2).
        (small, 200, {**more, "sub": "mallory"}),
        (small, 200, more),
        *(({"id_token": signed(**good, sub=sub)}, 200, None) for sub in ("", "x" * 256, "é", "a\x00")),
    )
    for answer, status, info in refused:
        with pytest.raises(ProviderRefusalError):
            await told(answer, status, info)
    with pytest.raises(AppError):
        await told({}, 503)
