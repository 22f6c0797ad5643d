"""The GraphiQL page: one HTML document.

Nothing here knows a web framework. Whoever serves the page makes a fresh nonce for every response
and sends the policy as its ``Content-Security-Policy`` header.
"""

import html
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from api.core.assets import Asset, check, json_for_script

_TEMPLATE: Final = Path(__file__).with_name("graphiql.html").read_text(encoding="utf-8")
_MARKER: Final = re.compile(r"\{\{([A-Z_]+)\}\}")


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


def graphiql_page(
    *,
    graphql_path: str,
    api_path: str,
    cdn: str,
    app_name: str,
    nonce: str,
    provider: Mapping[str, Any] | None = None,
) -> str:
    """The whole page; ``nonce`` must be the one in the policy of the same response.

    Below ``api_path`` is the REST door, where people sign up, in and out. The ``provider`` to sign in with has a
    ``name`` for its button, and the ``redirectUris`` that it sends people back to.
    """
    check(cdn, nonce)
    paths = {f"{name}Path": f"{api_path}/auth/{name}" for name in ("login", "refresh", "logout")}
    paths["completePath"] = f"{api_path}/auth/login/complete"
    paths["usersPath"] = f"{api_path}/users"
    paths |= {"beginProviderPath": f"{api_path}/auth/oidc", "completeProviderPath": f"{api_path}/auth/oidc/complete"}
    config = {"graphqlPath": graphql_path, **paths, "nonce": nonce, "provider": provider}
    values = {
        "APP_NAME": html.escape(app_name),
        "CONFIG": json_for_script(config),
        "LOGIN_PATH": html.escape(paths["loginPath"]),
        "NONCE": nonce,
        "SCRIPTS": "\n".join(asset.tag(cdn, nonce) for asset in ASSETS if asset.is_script),
        "STYLES": "\n".join(asset.tag(cdn, nonce) for asset in ASSETS if not asset.is_script),
    }
    # One pass over the template, so a value that happens to contain a marker stays what it is.
    return _MARKER.sub(lambda match: values[match[1]], _TEMPLATE)
