"""What remains of a caller's budget, in the head of the answer.

By the present draft of the IETF, "RateLimit header fields for HTTP" (draft-ietf-httpapi-ratelimit-headers-11), which
took the place of `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset`.
"""

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.core.budget import NAME
from api.server.request_log import record_of

HEADERS = ("RateLimit-Policy", "RateLimit")


class BudgetHeadersMiddleware:
    """Tells what remains, where anything was spent."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        record = record_of(HTTPConnection(scope))

        async def send_told(message: Message) -> None:
            balance = record.balance
            if message["type"] == "http.response.start" and balance is not None:
                headers = MutableHeaders(scope=message)
                headers["RateLimit-Policy"] = f'"{NAME}";q={balance.limit};w={balance.window}'
                headers["RateLimit"] = f'"{NAME}";r={balance.remaining};t={balance.reset}'
                if balance.is_refused:
                    headers["Retry-After"] = str(balance.reset)
            await send(message)

        await self.app(scope, receive, send_told)
