"""What the values of settings may be; what is wrong with one is said in words for whoever set it."""

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from limits import parse
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo
from pydantic_settings import NoDecode

from api.core.files.kinds import is_pattern
from api.core.files.signing import signer_of
from api.core.files.store import FileStore
from api.core.oidc.addresses import is_of_app, is_safe
from db.engine import normalise_url
from db.models.provider_identities import MAX_ISSUER

MIN_SECRET_BYTES = 32


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _check_database(value: str | None) -> str | None:
    if value is not None:
        normalise_url(value)
    return value


def _check_redis(value: str | None) -> str | None:
    if value is not None and not value.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("it must begin with redis://, rediss:// or unix://")
    return value


def _check_origins(origins: list[str]) -> list[str]:
    for origin in origins:
        if origin != "*" and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/?#@\s]+", origin):
            raise ValueError(f"{origin} is no origin such as https://app.example.com")
    return origins


def _address(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("it must begin with http:// or https://")
    return value.rstrip("/")


def _public_address(value: str | None) -> str | None:
    return None if value is None else _address(value)


def _check_smtp(value: SecretStr | None) -> SecretStr | None:
    if value is not None:
        parts = urlsplit(value.get_secret_value())
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ValueError("it must be smtp:// or smtps://, and a host")
        _ = parts.port  # raises ValueError for what is no port
    return value


def _check_files_url(value: SecretStr | None) -> SecretStr | None:
    if value is not None:
        FileStore(value.get_secret_value(), Path())  # raises ValueError with what is wrong
    return value


def _check_files_direct(value: bool, info: ValidationInfo) -> bool:
    url = info.data.get("files_url")
    if value:
        if url is None or not url.get_secret_value().startswith("s3://"):
            raise ValueError("it is for a bucket, and FILES_URL names none")
        signer_of(url.get_secret_value())  # raises ValueError with what is wrong
    return value


def _check_file_types(patterns: list[str]) -> list[str]:
    if not patterns:
        raise ValueError("it must name at least one media type; */* stands for any")
    for pattern in patterns:
        if not is_pattern(pattern):
            raise ValueError(f"{pattern} is no media type such as image/png, image/* or */*")
    return patterns


def _check_secret(value: SecretStr | None) -> SecretStr | None:
    # RFC 7518, section 3.2: a key for HS256 has at least the 256 bits of the hash.
    if value is not None and len(value.get_secret_value().encode()) < MIN_SECRET_BYTES:
        raise ValueError(f"it must have at least {MIN_SECRET_BYTES} characters")
    return value


def _check_issuer(value: str | None) -> str | None:
    if value is None:
        return None
    value = value.removesuffix("/.well-known/openid-configuration")
    if not is_safe(value) or "?" in value:
        raise ValueError("it must begin with https://, or on this machine with http://")
    if len(value) > MAX_ISSUER:
        raise ValueError(f"it must have at most {MAX_ISSUER} characters")
    return value


def _check_client_id(value: str | None, info: ValidationInfo) -> str | None:
    if (value is None) is not (info.data.get("oidc_issuer") is None):
        raise ValueError("it and OIDC_ISSUER must both be set, or neither of them")
    return value


def _check_client_secret(value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
    if value is not None and info.data.get("oidc_issuer") is None:
        raise ValueError("it is for OIDC_ISSUER, which is not set")
    return value


def _check_scopes(value: str) -> str:
    if "openid" not in value.split():
        raise ValueError("openid must be among them")
    return " ".join(value.split())


def _check_redirects(addresses: list[str], info: ValidationInfo) -> list[str]:
    if bool(addresses) is not (info.data.get("oidc_issuer") is not None):
        raise ValueError("it and OIDC_ISSUER must both be set, or neither of them")
    for address in addresses:
        if not is_of_app(address):
            raise ValueError(f"{address} is no address that begins with https://, or on this machine with http://")
    return addresses


def check_rate(value: str) -> str:
    """Refuse what says no rate."""
    try:
        parse(value)
    except ValueError as error:
        raise ValueError("it must be a number per second, minute, hour or day, such as 10/minute") from error
    return value


Count = Annotated[int, Field(ge=1)]
Rate = Annotated[str, AfterValidator(check_rate)]
DatabaseUrl = Annotated[str | None, AfterValidator(_check_database)]
RedisUrl = Annotated[str | None, AfterValidator(_check_redis)]
SmtpUrl = Annotated[SecretStr | None, AfterValidator(_check_smtp)]
FilesUrl = Annotated[SecretStr | None, AfterValidator(_check_files_url)]
FilesDirect = Annotated[bool, AfterValidator(_check_files_direct)]
FileTypes = Annotated[list[str], NoDecode, BeforeValidator(_split), AfterValidator(_check_file_types)]
SecretKey = Annotated[SecretStr | None, AfterValidator(_check_secret)]
Origins = Annotated[list[str], NoDecode, BeforeValidator(_split), AfterValidator(_check_origins)]
WebAddress = Annotated[str, AfterValidator(_address)]
PublicUrl = Annotated[str | None, AfterValidator(_public_address)]
Issuer = Annotated[str | None, AfterValidator(_check_issuer)]
ClientId = Annotated[str | None, Field(validate_default=True), AfterValidator(_check_client_id)]
ClientSecret = Annotated[SecretStr | None, AfterValidator(_check_client_secret)]
Scopes = Annotated[str, AfterValidator(_check_scopes)]
RedirectAddresses = Annotated[
    list[str],
    NoDecode,
    Field(validate_default=True),
    BeforeValidator(_split),
    AfterValidator(_check_redirects),
]
