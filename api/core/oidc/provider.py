"""The provider of sign-ins: found by its discovery address, asked for codes' worth, and believed in what it signs."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import httpx

from api.core.errors import AppError
from api.core.oidc.addresses import is_safe
from api.core.oidc.fetching import Fetcher, unavailable
from api.core.oidc.sign_ins import SignIn, SignIns, place_of

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

T = TypeVar("T")

DISCOVERY = "/.well-known/openid-configuration"
KEPT_SECONDS = 3600.0
"""So long what the provider says about itself is believed without a look."""

AWAY_SECONDS = 5.0
"""So long after a failure nobody waits for the provider again."""

KEYS_SECONDS = 60.0
"""So often, at most, the keys are read anew for one that is not known: anybody can make such a token up."""

MAX_SUBJECT = 255
"""OpenID Connect Core 1.0, section 2."""


class ProviderRefusalError(Exception):
    """The provider does not say, in a way that counts, who signed in."""


@dataclass(frozen=True)
class OidcOptions:
    """What the settings say about the provider."""

    issuer: str
    client_id: str
    client_secret: str | None
    scopes: str
    redirect_uris: Sequence[str]
    registration_open: bool
    """Whether people whom the provider knows get accounts."""


@dataclass(frozen=True)
class Metadata:
    """What the provider says about itself (OpenID Connect Discovery 1.0, section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    takes_basic: bool
    """Whether a client with a secret names it in a header; if not, in the body."""


@dataclass(frozen=True)
class Who:
    """Who signed in, as the provider says; the address counts only where it says that it is confirmed."""

    issuer: str
    subject: str
    email: str | None
    email_confirmed: bool
    name: str | None


class Provider:
    """The one provider of the installation, per process."""

    def __init__(self, options: OidcOptions, sign_ins: SignIns) -> None:
        # At the start and not amid a request: see there.
        from api.core.oidc import id_tokens  # noqa: PLC0415

        self.options = options
        self.sign_ins = sign_ins
        self._id_tokens = id_tokens
        self._fetcher = Fetcher()
        self._turn = asyncio.Lock()
        self._metadata: Metadata | None = None
        self._metadata_until = 0.0
        self._keys: KeySet | None = None
        self._keys_until = self._next_look_at_keys = 0.0
        self._away_until = 0.0

    def redirect_uri_of(self, sign_in: SignIn) -> str | None:
        """Return the address to come back to, if it still is one of the settings'."""
        return next((uri for uri in self.options.redirect_uris if place_of(uri) == sign_in.place), None)

    async def authorization_url(self, sign_in: SignIn, redirect_uri: str) -> str:
        """Return the address at the provider that begins a sign-in.

        Raises:
            AppError: UNAVAILABLE if the provider does not answer.
        """
        endpoint = (await self._described()).authorization_endpoint
        return self._id_tokens.authorization_url(
            endpoint, self.options.client_id, redirect_uri, self.options.scopes, sign_in
        )

    async def identify(self, code: str, sign_in: SignIn, redirect_uri: str) -> Who:
        """Return who signed in, for the code that the provider sent back.

        Raises:
            ProviderRefusalError: the code or the ID token does not count.
            AppError: UNAVAILABLE if the provider does not answer.
        """
        metadata = await self._described()
        tokens = await self._redeem(metadata, code, sign_in, redirect_uri)
        text, access_token = tokens.get("id_token"), tokens.get("access_token")
        access_token = access_token if isinstance(access_token, str) else None
        if not isinstance(text, str):
            raise ProviderRefusalError("it sent no ID token")
        claims = await self._read(text, metadata, sign_in, access_token)
        subject = claims["sub"]
        if not (0 < len(subject) <= MAX_SUBJECT and subject.isascii() and subject.isprintable()):
            raise ProviderRefusalError("the subject is not valid")
        if "email" not in claims and metadata.userinfo_endpoint and access_token:
            # Where the provider keeps the ID token small, the address is told there (Core 1.0, section 5.4).
            headers = {"Authorization": f"Bearer {access_token}"}
            more = await self._fetcher.get(metadata.userinfo_endpoint, headers=headers)
            if more.get("sub") != subject:
                raise ProviderRefusalError("the user info is about somebody else")
            # What is told of the address counts with it alone, wherever it was told.
            claims = {**more, **claims, "email_verified": more.get("email_verified")}
        name = claims.get("name") or claims.get("preferred_username")
        email, verified = claims.get("email"), claims.get("email_verified")
        return Who(
            metadata.issuer,
            subject,
            email if isinstance(email, str) else None,
            # Some providers write it as text.
            email_confirmed=verified is True or verified == "true",
            name=name if isinstance(name, str) else None,
        )

    async def _redeem(self, metadata: Metadata, code: str, sign_in: SignIn, redirect_uri: str) -> dict[str, Any]:
        """Exchange a code for tokens (RFC 6749, section 4.1.3; RFC 7636, section 4.5)."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": sign_in.verifier,
        }
        more: dict[str, Any] = {}
        client_id, secret = self.options.client_id, self.options.client_secret
        if secret is not None and metadata.takes_basic:
            # Written as in a form first (RFC 6749, section 2.3.1).
            more["auth"] = httpx.BasicAuth(quote(client_id, safe=""), quote(secret, safe=""))
        else:
            form["client_id"] = client_id
            if secret is not None:
                form["client_secret"] = secret
        status, answer = await self._fetcher.ask("POST", metadata.token_endpoint, data=form, **more)
        if httpx.codes.is_server_error(status):
            raise unavailable(f"{metadata.token_endpoint}: status {status}")
        if status != httpx.codes.OK:
            raise ProviderRefusalError(f"it refused the code: {answer.get('error')}")
        return answer

    async def _read(self, text: str, metadata: Metadata, sign_in: SignIn, access_token: str | None) -> dict[str, Any]:
        expected: dict[str, Any] = {
            "issuer": metadata.issuer,
            "client_id": self.options.client_id,
            "nonce": sign_in.nonce,
            "access_token": access_token,
        }
        keys = await self._signing_keys(metadata)
        try:
            try:
                return self._id_tokens.read_id_token(text, keys, **expected)
            except self._id_tokens.UnknownKeyError:
                # The provider may have changed its keys since.
                newer = await self._signing_keys(metadata, other_than=keys)
                return self._id_tokens.read_id_token(text, newer, **expected)
        except self._id_tokens.IdTokenError as error:
            raise ProviderRefusalError(f"the ID token does not count: {error}") from error

    async def _described(self) -> Metadata:
        async with self._turn:
            if self._metadata is None or monotonic() >= self._metadata_until:
                # Until there is an answer the old one counts no more.
                self._metadata = None
                self._metadata = await self._look(self._discover())
                self._metadata_until = monotonic() + KEPT_SECONDS
            return self._metadata

    async def _signing_keys(self, metadata: Metadata, *, other_than: "KeySet | None" = None) -> "KeySet":
        async with self._turn:
            now = monotonic()
            is_unknown = other_than is not None and self._keys is other_than and now >= self._next_look_at_keys
            if self._keys is None or now >= self._keys_until or is_unknown:
                if other_than is not None:
                    self._next_look_at_keys = now + KEYS_SECONDS
                self._keys = await self._look(self._read_keys(metadata))
                self._keys_until = monotonic() + KEPT_SECONDS
            return self._keys

    async def _look(self, work: Coroutine[Any, Any, T]) -> T:
        """Ask the provider about itself, unless it just did not answer: whoever waits for its turn must not wait on."""
        if monotonic() < self._away_until:
            work.close()
            raise unavailable("it did not answer a moment ago")
        try:
            return await work
        except AppError:
            self._away_until = monotonic() + AWAY_SECONDS
            raise

    async def _discover(self) -> Metadata:
        base = self.options.issuer.rstrip("/")
        document = await self._fetcher.get(base + DISCOVERY)
        issuer = document.get("issuer")
        # Section 4.3: it must be who was asked. A slash at the end is what people get wrong about the setting.
        if not isinstance(issuer, str) or issuer.rstrip("/") != base:
            raise unavailable(f"it calls itself {issuer!r}, and OIDC_ISSUER is {self.options.issuer!r}")
        names = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")
        plain_http = base.startswith("http://")
        found = {name: document.get(name) for name in names}
        for name, url in found.items():
            if not is_safe(url, plain_http=plain_http) and not (name == "userinfo_endpoint" and url is None):
                raise unavailable(f"its {name} is {url!r}, which is no address to send secrets to")
        methods = document.get("token_endpoint_auth_methods_supported")
        takes_basic = not isinstance(methods, list) or "client_secret_basic" in methods
        return Metadata(issuer=issuer, takes_basic=takes_basic, **found)  # type: ignore[arg-type]  # they are texts now

    async def _read_keys(self, metadata: Metadata) -> "KeySet":
        document = await self._fetcher.get(metadata.jwks_uri)
        try:
            return self._id_tokens.read_keys(document)
        except ValueError as error:
            raise unavailable(f"{metadata.jwks_uri}: {error}") from error
