"""Which addresses of a provider, and of the apps it sends people back to, are taken."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

_PRIVATE_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")
"""Of an app on a phone: the name of a domain backwards (RFC 8252, section 7.1)."""

_WRITTEN = re.compile(r"[!-~]+")


def is_loopback(host: str | None) -> bool:
    """Return whether a host is this very machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False


def is_safe(url: object, *, plain_http: bool = True) -> bool:
    """Return whether nobody on the way reads what is sent there: over TLS, or with `plain_http` on this machine."""
    if not isinstance(url, str) or _WRITTEN.fullmatch(url) is None:
        return False
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError for what is no port
    except ValueError:
        return False
    if parts.username is not None or parts.fragment or not parts.hostname:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and plain_http and is_loopback(parts.hostname))


def is_of_app(url: str) -> bool:
    """Return whether people may be sent back there: to a page, or to an app that owns a scheme."""
    scheme = url.partition(":")[0]
    return is_safe(url) or (
        _PRIVATE_SCHEME.fullmatch(scheme) is not None and _WRITTEN.fullmatch(url) is not None and "#" not in url
    )
