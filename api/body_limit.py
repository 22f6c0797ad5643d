"""The largest body that is read; what exceeds it is refused by the door it came to."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimitMiddleware:
    """Breaks off the reading of a body that is too large, whether it announced its length or not.

    Starlette's own middleware answers an announced length with plain text, past both doors.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self.app = app
        self.most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        received = int(announced) if announced.isdecimal() and int(announced) > self.most else 0

        async def receive_limited() -> Message:
            nonlocal received
            if received <= self.most:
                message = await receive()
                received += len(message.get("body", b""))
            if received > self.most:
                raise HTTPException(413)
            return message

        await self.app(scope, receive_limited, send)
