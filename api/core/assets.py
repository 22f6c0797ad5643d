"""Scripts and styles of our pages: files of exact npm releases, each with the hash that a browser must find in it."""

import html
import json
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

DEFAULT_CDN: Final = "https://cdn.jsdelivr.net/npm"
"""Where the assets come from unless a setting names a mirror with the same layout."""

# Both values end up inside the policy, where a space, comma or semicolon would start something new.
_CDN: Final = re.compile(r"(https?://|/(?!/))[^\s;,'\"<>\\]+")
_NONCE: Final = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")


class Asset(NamedTuple):
    """One file of one exact npm release, with the hash a browser has to find in it."""

    package: str
    version: str
    path: str
    integrity: str

    def url(self, cdn: str) -> str:
        """The address of the file below ``cdn``."""
        return f"{cdn.rstrip('/')}/{self.package}@{self.version}/{self.path}"

    @property
    def is_script(self) -> bool:
        """Whether it is a script, and no style."""
        return self.path.endswith(".js")

    def tag(self, cdn: str, nonce: str) -> str:
        """The element that loads it."""
        source = html.escape(self.url(cdn))
        common = f'nonce="{nonce}" integrity="{self.integrity}" crossorigin="anonymous"'
        if self.is_script:
            return f'<script src="{source}" {common}></script>'
        return f'<link rel="stylesheet" href="{source}" {common}>'


def content_security_policy(assets: Sequence[Asset], *, cdn: str, nonce: str) -> str:
    """The ``Content-Security-Policy`` header for a page of these assets with this ``nonce``.

    The assets are listed one by one: a public CDN serves every package there is, so allowing the
    host would allow anybody's script. ``'self'`` covers the websocket to the same host as well.
    """
    check(cdn, nonce)
    own = f"'nonce-{nonce}'"
    # A mirror on our own host is written as a path, which is no policy source; the nonce does it.
    listed = [asset for asset in assets if not cdn.startswith("/")]
    scripts = [asset.url(cdn) for asset in listed if asset.is_script]
    styles = [asset.url(cdn) for asset in listed if not asset.is_script]
    return "; ".join(
        [
            "default-src 'none'",
            " ".join(["script-src", own, *scripts]),
            " ".join(["style-src", own, *styles]),
            "connect-src 'self'",
            "font-src data:",
            "img-src data:",
            "worker-src blob:",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ]
    )


def check(cdn: str, nonce: str) -> None:
    """Refuse what would change the page or its policy.

    Raises:
        ValueError: an address or a nonce is none.
    """
    if not _CDN.fullmatch(cdn):
        raise ValueError(f"not an http(s) address or an absolute path: {cdn!r}")
    if not _NONCE.fullmatch(nonce):
        raise ValueError("a nonce is at least 16 characters of base64")


def json_for_script(value: object) -> str:
    """The value as JSON for a script element, which ends at the first "</script", even inside a string."""
    return json.dumps(value).replace("<", "\\u003c")
