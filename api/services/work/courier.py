"""Sending one change to the receiver of a webhook: signed, bounded, and to no address that is not allowed."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from time import monotonic
from typing import Any
from uuid import UUID, uuid5

import httpx
from standardwebhooks import Webhook as Signer

from api.core.webhook_rules import WebhookRules
from api.core.webhook_targets import Address
from api.schemas.changes import ChangeRead
from db.clock import utc_now
from db.models import Change, WebhookKind
from db.models.webhooks import MAX_ERROR

QUICK = 40
SLOW = 10
"""So many receivers are told at once, per process: those who answer quickly, and apart from them those who do not."""

SLOW_SECONDS = 3.0
"""Who takes longer for an answer is slow, and no longer stands where others would wait for it."""

MAX_ANSWER_BYTES = 16 * 1024
"""What is read of an answer, so that the connection may be used again. Nobody looks at it."""


class ForbiddenTargetError(Exception):
    """The name of the receiver means no address that a webhook may lead to."""


@dataclass(frozen=True)
class Parcel:
    """A change as it is sent. The same change is the same to the letter, however often it is sent."""

    id: UUID
    body: str

    @classmethod
    def of(cls, webhook_id: UUID, change: Change) -> "Parcel":
        """Return what a webhook is sent about a change."""
        data = ChangeRead.model_validate(change).model_dump(mode="json")
        content = {"type": f"{change.entity}.{change.kind}", "timestamp": data["at"], "data": data}
        return cls(delivery_id(webhook_id, change), json.dumps(content, ensure_ascii=False, separators=(",", ":")))


@dataclass(frozen=True)
class Answer:
    """What became of an attempt; `error` is None if it was taken."""

    status_code: int | None
    error: str | None
    milliseconds: int


def kind_of(change: Change) -> WebhookKind | None:
    """Return the kind of a change; None if webhooks are not told of it."""
    try:
        return WebhookKind(f"{change.entity}_{change.kind}")
    except ValueError:
        return None


def delivery_id(webhook_id: UUID, change: Change) -> UUID:
    """Return the id by which a receiver knows a change again."""
    return uuid5(webhook_id, f"{change.workspace_id}:{change.seq}")


class Courier:
    """Sends to receivers, one per process."""

    def __init__(self, rules: WebhookRules, *, seconds: float) -> None:
        self._rules = rules
        self._seconds = seconds
        self._lanes = {False: asyncio.Semaphore(QUICK), True: asyncio.Semaphore(SLOW)}
        self._slow: set[UUID] = set()
        # Of their own: a name server that hangs must not take the threads in which others work.
        self._lookups = ThreadPoolExecutor(QUICK + SLOW, thread_name_prefix="lookup")
        self._certificates: ssl.SSLContext | None = None

    def is_slow(self, webhook_id: UUID) -> bool:
        """Return whether the receiver took long for its last answer, or did not answer."""
        return webhook_id in self._slow

    @asynccontextmanager
    async def calling(self, webhook_id: UUID, url: str) -> AsyncIterator["Receiver"]:
        """Wait for a place among its like, and be connected with a receiver for the length of a block."""
        async with self._lanes[self.is_slow(webhook_id)], self._client() as client:
            yield Receiver(self, client, webhook_id, httpx.URL(url))

    def _client(self) -> httpx.AsyncClient:
        if self._certificates is None:
            self._certificates = httpx.create_ssl_context()
        # What the environment says about proxies would lead elsewhere than to the address that was judged.
        return httpx.AsyncClient(
            verify=self._certificates, trust_env=False, follow_redirects=False, timeout=self._seconds
        )

    async def attempt(self, receiver: "Receiver", parcel: Parcel) -> Answer:
        """Send a parcel. Whatever goes wrong is the answer."""
        began = monotonic()
        status_code, error = None, None
        try:
            async with asyncio.timeout(self._seconds):
                status_code = await receiver.post(parcel)
        except TimeoutError:
            error = f"It did not answer within {self._seconds:g} seconds."
        except ForbiddenTargetError as refusal:
            error = str(refusal)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as trouble:
            error = f"It could not be reached: {str(trouble) or type(trouble).__name__}"
        if status_code is not None and not httpx.codes.is_success(status_code):
            error = f"It answered with the status {status_code}."
            if httpx.codes.is_redirect(status_code):
                error += " Redirects are not followed."
        took = monotonic() - began
        (self._slow.add if took > SLOW_SECONDS else self._slow.discard)(receiver.webhook_id)
        return Answer(status_code, error and error[:MAX_ERROR], round(took * 1000))

    def sign(self, webhook_id: UUID, parcel: Parcel) -> dict[str, str]:
        """Return the headers of Standard Webhooks, for this moment: receivers refuse what is old."""
        now = utc_now()
        signature = Signer(self._rules.secrets.of(webhook_id)).sign(str(parcel.id), now, parcel.body)
        return {
            "webhook-id": str(parcel.id),
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signature,
        }

    async def look_up(self, url: httpx.URL) -> list[Address]:
        """Return the addresses that a name means and that are allowed.

        Raises:
            ForbiddenTargetError: there is none.
        """
        objection = self._rules.targets.objection(str(url))
        if objection is not None:
            raise ForbiddenTargetError(f"The address is not allowed: {objection}.")
        ask = partial(socket.getaddrinfo, url.host, _port(url), type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._lookups, ask)
        addresses = dict.fromkeys(ip_address(str(one[4][0]).partition("%")[0]) for one in found)
        allowed = [address for address in addresses if self._rules.targets.admits(address)]
        if not allowed:
            raise ForbiddenTargetError("The address is not allowed: it leads into a private network.")
        return allowed


class Receiver:
    """Whom a webhook tells. Its name is looked up once, and what was judged is what is connected to."""

    def __init__(self, courier: Courier, client: httpx.AsyncClient, webhook_id: UUID, url: httpx.URL) -> None:
        self.webhook_id = webhook_id
        self._courier = courier
        self._client = client
        self._url = url
        self._addresses: list[Address] = []

    async def tell(self, parcel: Parcel) -> Answer:
        """Send a parcel."""
        return await self._courier.attempt(self, parcel)

    async def post(self, parcel: Parcel) -> int:
        """Send a parcel to the first address that takes connections, and return the status of the answer.

        Raises:
            ForbiddenTargetError: there is no address that is allowed.
            HTTPError: it could not be sent, or there was no answer.
        """
        if not self._addresses:
            self._addresses = await self._courier.look_up(self._url)
        while True:
            try:
                return await self._post(self._addresses[0], parcel)
            except httpx.ConnectError:
                if len(self._addresses) == 1:
                    raise
                del self._addresses[0]

    async def _post(self, address: Address, parcel: Parcel) -> int:
        headers: dict[str, Any] = {
            "Host": self._url.netloc.decode(),
            "Content-Type": "application/json",
            "User-Agent": "Twofold",
            **self._courier.sign(self.webhook_id, parcel),
        }
        request = self._client.stream(
            "POST",
            self._url.copy_with(host=str(address)),
            content=parcel.body.encode(),
            headers=headers,
            # The certificate must be that of the name.
            extensions={"sni_hostname": self._url.host},
        )
        async with request as response:
            read = 0
            async for piece in response.aiter_raw():
                read += len(piece)
                if read > MAX_ANSWER_BYTES:
                    break
        return response.status_code


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)
