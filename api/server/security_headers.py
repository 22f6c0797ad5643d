"""What browsers are told about every answer: what it is not, where it may not stand, and what it may not load.

An answer that says something of this itself keeps its word; so our pages have policies of their own.
"""

from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Header = tuple[bytes, bytes]

FIXED: Sequence[Header] = (
    # A browser takes it for what it is called, never for a page because it looks like one.
    (b"x-content-type-options", b"nosniff"),
    # Whatever shows it loads nothing, runs nothing, and frames nothing of ours.
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-frame-options", b"DENY"),
    # Addresses hold ids, and of a stream its ticket.
    (b"referrer-policy", b"no-referrer"),
    # No page elsewhere may load it past CORS, as an image or a script, to measure or to read from memory.
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""What every answer has that a server of ours gives, also one to what is no request at all."""

OF_PAGES: Header = (b"cross-origin-opener-policy", b"same-origin")
"""No window that opened a page of ours, or was opened by it, reaches into it.

For pages alone: a browser heeds it in every answer, and a sign-in that is sent on and on in a window of an app
elsewhere would lose the way back to that app.
"""


class SecurityHeadersMiddleware:
    """Adds the headers where the answer does not have them."""

    def __init__(self, app: ASGIApp, *, insist_on_tls_seconds: int) -> None:
        self.app = app
        self.over_tls: Sequence[Header] = FIXED
        if insist_on_tls_seconds:
            value = f"max-age={insist_on_tls_seconds}".encode()
            self.over_tls = (*FIXED, (b"strict-transport-security", value))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # Over anything else browsers must not heed it (RFC 6797, section 8.1). The scheme is what a proxy says, if it
        # is one that the server trusts.
        added = self.over_tls if scope.get("scheme") == "https" else FIXED

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = dict(message["headers"])
                headers = [*message["headers"], *(header for header in added if header[0] not in own)]
                if own.get(b"content-type", b"").startswith(b"text/html"):
                    headers.append(OF_PAGES)
                message["headers"] = headers
            await send(message)

        await self.app(scope, receive, send_guarded)
