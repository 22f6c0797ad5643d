"""The largest body that is read; what exceeds it is refused by the door it came to."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.core.streamed_bodies import is_streamed

_KEY = "twofold.identified"


def admit_large_body(scope: Scope) -> None:
    """Let the rest of a request be large: it is known who sends it."""
    scope[_KEY] = True


class BodyLimitMiddleware:
    """Breaks off the reading of a body that is too large, whether it announced its length or not.

    Who has not been identified may send little. Starlette's own middleware answers an announced length
    with plain text, past both doors.
    """

    def __init__(self, app: ASGIApp, *, most: int, most_of_strangers: int) -> None:
        self.app = app
        self.most = most
        self.most_of_strangers = most_of_strangers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        received = 0

        async def receive_limited() -> Message:
            nonlocal received
            if is_streamed(scope):
                return await receive()
            most = self.most if _KEY in scope else min(self.most, self.most_of_strangers)
            if announced.isdecimal() and int(announced) > most:
                raise HTTPException(413)
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise HTTPException(413)
            return message

        await self.app(scope, receive_limited, send)
