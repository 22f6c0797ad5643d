"""The GraphiQL page: one HTML document, and the content security policy it is served with.

Nothing here knows a web framework. Whoever serves the page makes a fresh nonce for every response
and sends the policy as its ``Content-Security-Policy`` header.
"""

import html
import json
import re
from pathlib import Path
from typing import Final, NamedTuple

DEFAULT_CDN: Final = "https://cdn.jsdelivr.net/npm"
"""Where the assets come from unless a setting names a mirror with the same layout."""

_TEMPLATE: Final = Path(__file__).with_name("graphiql.html").read_text(encoding="utf-8")
_MARKER: Final = re.compile(r"\{\{([A-Z_]+)\}\}")

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


# In load order. GraphiQL 4.1 and React 18.3 are the last releases that still ship one plain script
# file. Later ones are trees of modules, and a browser cannot check the hash of a nested import.
ASSETS: Final[tuple[Asset, ...]] = (
    Asset(
        "graphiql",
        "4.1.2",
        "graphiql.min.css",
        "sha384-1el1QShFBnnXTx9x/Cprg82hZWKt0ry29OAYIXt05swbi0KcZDFoj0CWguMpopJr",
    ),
    Asset(
        "react",
        "18.3.1",
        "umd/react.production.min.js",
        "sha384-DGyLxAyjq0f9SPpVevD6IgztCFlnMF6oW/XQGmfe+IsZ8TqEiDrcHkMLKI6fiB/Z",
    ),
    Asset(
        "react-dom",
        "18.3.1",
        "umd/react-dom.production.min.js",
        "sha384-gTGxhz21lVGYNMcdJOyq01Edg0jhn/c22nsx0kyqP0TxaV5WVdsSH1fSDUf5YJj1",
    ),
    Asset(
        "graphql-ws",
        "6.4.2",
        "umd/graphql-ws.min.js",
        "sha384-mxvR4Mzbsb6QVx/9xI2gtQikQA6m8zMDBFnu3l//4/ROsWt7y2sUGWd+/tYQqDm7",
    ),
    Asset(
        "graphiql",
        "4.1.2",
        "graphiql.min.js",
        "sha384-9XdHu7ajgGJziD4J1zNBKQ842Q/+zZfDv+ib1eMhZWBH6hPAs806x+Jbcf0yNO6B",
    ),
)


def graphiql_page(*, graphql_path: str, login_path: str, cdn: str, app_name: str, nonce: str) -> str:
    """The whole page; ``nonce`` must be the one in the policy of the same response."""
    _check(cdn, nonce)
    config = {"graphqlPath": graphql_path, "loginPath": login_path, "nonce": nonce}
    values = {
        "APP_NAME": html.escape(app_name),
        "CONFIG": _json_for_script(config),
        "LOGIN_PATH": html.escape(login_path),
        "NONCE": nonce,
        "SCRIPTS": "\n".join(_tag(asset, cdn, nonce) for asset in ASSETS if _is_script(asset)),
        "STYLES": "\n".join(_tag(asset, cdn, nonce) for asset in ASSETS if not _is_script(asset)),
    }
    # One pass over the template, so a value that happens to contain a marker stays what it is.
    return _MARKER.sub(lambda match: values[match[1]], _TEMPLATE)


def content_security_policy(*, cdn: str, nonce: str) -> str:
    """The ``Content-Security-Policy`` header for the page with this ``nonce``.

    The assets are listed one by one: a public CDN serves every package there is, so allowing the
    host would allow anybody's script. ``'self'`` covers the websocket to the same host as well.
    """
    _check(cdn, nonce)
    own = f"'nonce-{nonce}'"
    # A mirror on our own host is written as a path, which is no policy source; the nonce does it.
    listed = [asset for asset in ASSETS if not cdn.startswith("/")]
    scripts = [asset.url(cdn) for asset in listed if _is_script(asset)]
    styles = [asset.url(cdn) for asset in listed if not _is_script(asset)]
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


def _check(cdn: str, nonce: str) -> None:
    if not _CDN.fullmatch(cdn):
        raise ValueError(f"not an http(s) address or an absolute path: {cdn!r}")
    if not _NONCE.fullmatch(nonce):
        raise ValueError("a nonce is at least 16 characters of base64")


def _is_script(asset: Asset) -> bool:
    return asset.path.endswith(".js")


def _tag(asset: Asset, cdn: str, nonce: str) -> str:
    source = html.escape(asset.url(cdn))
    common = f'nonce="{nonce}" integrity="{asset.integrity}" crossorigin="anonymous"'
    if _is_script(asset):
        return f'<script src="{source}" {common}></script>'
    return f'<link rel="stylesheet" href="{source}" {common}>'


def _json_for_script(value: object) -> str:
    # A script element ends at the first "</script", even inside a JSON string.
    return json.dumps(value).replace("<", "\\u003c")
