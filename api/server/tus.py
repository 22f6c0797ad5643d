"""What tus wants of every request and every answer, before and behind the routes."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.core.files.tus import RESUMABLE, VERSION

HEADERS = (
    "Tus-Resumable",
    "Tus-Version",
    "Tus-Extension",
    "Tus-Max-Size",
    "Tus-Checksum-Algorithm",
    "Upload-Offset",
    "Upload-Length",
    "Upload-Expires",
    "Upload-Metadata",
)
"""What a page elsewhere must see of answers to speak tus."""

PLACES = ("/api/tus", "/api/uploads/")
_OVERRIDABLE = ("PATCH", "DELETE", "HEAD")


class TusMiddleware:
    """Tells the version to whoever speaks tus, and lets a POST be another method where a client can send no other."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or not scope["path"].startswith(PLACES):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if RESUMABLE not in headers and scope["method"] != "OPTIONS":
            await self.app(scope, receive, send)
            return
        meant = headers.get("x-http-method-override", "").upper()
        if scope["method"] == "POST" and meant in _OVERRIDABLE:
            scope["method"] = meant

        async def send_with_version(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (RESUMABLE.lower().encode(), VERSION.encode())]
            await send(message)

        await self.app(scope, receive, send_with_version)
