"""A real OpenID Connect provider, as a process of its own, and its people, who sign in there as a browser does."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx
from joserfc.jwk import KeySet, RSAKey

from tests.clients.packages import PackageError, packages_folder
from tests.live import NO_CERTIFICATES, free_port

HERE = Path(__file__).parent
CALLBACK, OTHER_CALLBACK = "https://app.example.com/callback", "com.example.app:/callback"
SECRET = "a secret: with 100% of what/has + a meaning in forms"
"""Of the clients that have one."""

KEYS = KeySet([RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": "first"}, private=True)])
"""What the provider signs with: the tests sign with it, too, what no honest provider would."""


@dataclass(frozen=True)
class RealProvider:
    """The running program."""

    issuer: str

    def settings(self, client_id: str = "twofold", **changes: Any) -> dict[str, Any]:
        """Return the settings of an installation that is one of its clients."""
        return {
            "oidc_issuer": self.issuer,
            "oidc_client_id": client_id,
            "oidc_client_secret": None if client_id == "public" else SECRET,
            "oidc_redirect_uris": [CALLBACK, OTHER_CALLBACK],
            **changes,
        }


async def sign_in_there(url: str, sub: str, **claims: Any) -> dict[str, str]:
    """Go to the provider, sign in as somebody, and return what the browser is sent back with."""
    async with httpx.AsyncClient(verify=NO_CERTIFICATES, timeout=20) as browser:
        await browser.get(urljoin(url, "/people"), params={"is": json.dumps({"sub": sub, **claims})})
        response = await browser.get(url)
        while response.is_redirect and urlsplit(response.headers["location"]).netloc in ("", urlsplit(url).netloc):
            if "/interaction/" in response.headers["location"]:
                page = await browser.get(str(response.next_request.url) if response.next_request else "")
                action = re.findall(r'action="([^"]+)"', page.text)[0]
                form = {"prompt": "login", "login": sub, "password": "any"}
                response = await browser.post(action, data=form)
            else:
                assert response.next_request is not None
                response = await browser.send(response.next_request)
        assert response.is_redirect, response.text
        return dict(parse_qsl(urlsplit(response.headers["location"]).query))


@contextmanager
def real_provider(*more_redirects: str, port: int | None = None) -> Iterator[RealProvider]:
    """Run the provider around a block.

    Raises:
        PackageError: it cannot be had.
    """
    packages = packages_folder(HERE / "package.json")
    folder = packages.parent
    shutil.copy(HERE / "provider.mjs", folder)
    node, port = shutil.which("node"), port or free_port()
    if node is None:
        raise PackageError("Node is not installed")
    redirects = [CALLBACK, *more_redirects]
    secret = {"client_secret": SECRET, "redirect_uris": redirects}
    clients = [
        {"client_id": "twofold", **secret},
        {"client_id": "other", **secret},
        {"client_id": "small", "token_endpoint_auth_method": "client_secret_basic", **secret},
        {"client_id": "public", "token_endpoint_auth_method": "none", "redirect_uris": redirects},
    ]
    given = json.dumps({"port": port, "clients": clients, "jwks": KEYS.as_dict(private=True)})
    process = subprocess.Popen(
        [node, "provider.mjs", given], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        yield RealProvider(f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
