"""Asking the provider: never for long, for no more than fits, and nobody whom it would send us on to."""

import asyncio
import json
import ssl
from typing import Any

import httpx
import structlog

from api.core.errors import AppError, ErrorCode

logger = structlog.get_logger("twofold.oidc")

SECONDS = 10.0
"""So long an answer may take, whoever else waits for one included."""

MAX_ANSWER_BYTES = 256 * 1024
AT_ONCE = 20
"""Requests to the provider at once, per process."""

Answer = tuple[int, dict[str, Any]]
"""The status, and the object of JSON in the body."""


def unavailable(why: str) -> AppError:
    """Return the error for a provider that is away, or talks nonsense; the log is told why."""
    logger.warning("the provider of sign-ins does not answer as it should", why=why)
    return AppError(ErrorCode.UNAVAILABLE, "The sign-in provider does not answer. Try again in a moment.")


class Fetcher:
    """Sends requests to the provider, one per process."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(AT_ONCE)
        self._certificates: ssl.SSLContext | None = None

    async def ask(self, method: str, url: str, **more: Any) -> Answer:
        """Return the answer to a request, whatever its status.

        Raises:
            AppError: UNAVAILABLE if there is none, or none that is an object of JSON.
        """
        try:
            async with asyncio.timeout(SECONDS), self._places:
                return await self._ask(method, url, **more)
        except TimeoutError as error:
            raise unavailable(f"{url}: no answer within {SECONDS:g} seconds") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError, ValueError, RecursionError) as error:
            raise unavailable(f"{url}: {str(error) or type(error).__name__}") from error

    async def _ask(self, method: str, url: str, **more: Any) -> Answer:
        if self._certificates is None:
            self._certificates = httpx.create_ssl_context()
        client = httpx.AsyncClient(verify=self._certificates, follow_redirects=False, timeout=SECONDS)
        headers = {"Accept": "application/json", **more.pop("headers", {})}
        async with client, client.stream(method, url, headers=headers, **more) as response:
            body = b""
            async for part in response.aiter_bytes():
                body += part
                if len(body) > MAX_ANSWER_BYTES:
                    raise ValueError("the answer is too large")
        answer = json.loads(body)
        if not isinstance(answer, dict):
            raise ValueError("the answer is no object")  # noqa: TRY004 - told as the others
        return response.status_code, answer

    async def get(self, url: str, **more: Any) -> dict[str, Any]:
        """Return what is at an address.

        Raises:
            AppError: UNAVAILABLE.
        """
        status, answer = await self.ask("GET", url, **more)
        if status != httpx.codes.OK:
            raise unavailable(f"{url}: status {status}")
        return answer
