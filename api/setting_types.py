"""What the values of settings may be; what is wrong with one is said in words for whoever set it."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from limits import parse
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from db.engine import normalise_url

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


def _check_secret(value: SecretStr | None) -> SecretStr | None:
    # RFC 7518, section 3.2: a key for HS256 has at least the 256 bits of the hash.
    if value is not None and len(value.get_secret_value().encode()) < MIN_SECRET_BYTES:
        raise ValueError(f"it must have at least {MIN_SECRET_BYTES} characters")
    return value


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
SecretKey = Annotated[SecretStr | None, AfterValidator(_check_secret)]
Origins = Annotated[list[str], NoDecode, BeforeValidator(_split), AfterValidator(_check_origins)]
WebAddress = Annotated[str, AfterValidator(_address)]
PublicUrl = Annotated[str | None, AfterValidator(_public_address)]
