"""HEAD wherever GET is (RFC 9110, section 9.3.2): the same head, and nothing after it."""

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_KEY = "twofold.head"


def is_head(scope: Scope) -> bool:
    """Return whether the client asked for the head alone."""
    return _KEY in scope


class HeadMiddleware:
    """Lets the application answer a HEAD as a GET, and stops it once the head is sent: a stream would never end."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                # The server looks there, too, for what it may send.
                scope["method"] = "HEAD"
                await send(message)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                answering.cancel()

        with anyio.CancelScope() as answering:
            # A copy would hide from the log which route was found.
            scope["method"] = "GET"
            scope[_KEY] = True
            await self.app(scope, receive, send_head)
