"""The page that shows the OpenAPI document: Swagger UI, with the policy it is served with."""

import html
import secrets
from typing import Final

from starlette.responses import HTMLResponse

from api.config import Settings
from api.core.assets import Asset, check, content_security_policy

ASSETS: Final = (
    Asset(
        "swagger-ui-dist",
        "5.35.0",
        "swagger-ui.css",
        "sha384-WlYgdmXYOOBWL5apwjDEZwN+U3HmXSSu5R6V5aGxEcf7z+KuRNwBhoxKVN1i3D5I",
    ),
    Asset(
        "swagger-ui-dist",
        "5.35.0",
        "swagger-ui-bundle.js",
        "sha384-gjRm0bEPMeTmMh5jT2cHccIwCUZSTd8YC+j0d0sXw0MdGEfScduGpSyF3ZSSLkX9",
    ),
)

# Addresses are relative: the page may lie behind a proxy's prefix.
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{title}: REST</title>
<link rel="icon" href="data:,">
{styles}
<style nonce="{nonce}">body {{ margin: 0; }} #docs > p {{ font: 16px/1.5 sans-serif; margin: 2em; }}</style>
</head>
<body>
<main id="docs">
<p>Loading the documentation …</p>
<noscript><p>This page needs JavaScript. What it shows is <a href="openapi.json">openapi.json</a>.</p></noscript>
</main>
<template id="missing"><p>The scripts of this page could not be loaded from {cdn}. What it shows is
<a href="openapi.json">openapi.json</a>. In a network without internet access, set <code>ASSETS_URL</code> to a mirror
of npm packages.</p></template>
{scripts}
<script nonce="{nonce}">
"use strict";
if (window.SwaggerUIBundle) {{
  // Without a validator: the document is nobody else's business.
  SwaggerUIBundle({{ url: "openapi.json", dom_id: "#docs", deepLinking: true, validatorUrl: null }});
}} else {{
  document.getElementById("docs").replaceChildren(document.getElementById("missing").content);
}}
</script>
</body>
</html>
"""


def docs_page(settings: Settings) -> HTMLResponse:
    """Return the page, with a fresh nonce."""
    cdn, nonce = settings.assets_url, secrets.token_urlsafe(16)
    check(cdn, nonce)
    page = _PAGE.format(
        title=html.escape(settings.app_name),
        cdn=html.escape(cdn),
        nonce=nonce,
        styles="\n".join(asset.tag(cdn, nonce) for asset in ASSETS if not asset.is_script),
        scripts="\n".join(asset.tag(cdn, nonce) for asset in ASSETS if asset.is_script),
    )
    policy = content_security_policy(ASSETS, cdn=cdn, nonce=nonce)
    return HTMLResponse(page, headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"})
