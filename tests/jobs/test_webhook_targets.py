"""Webhooks lead nowhere that whoever names an address could not reach without this server."""

import asyncio
import shutil
import socket
import ssl
import subprocess
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from api.core.webhook_rules import WebhookRules
from api.core.webhook_secrets import WebhookSecrets
from api.core.webhook_targets import Address, WebhookTargets
from api.services.work.courier import Answer, Courier, Parcel
from tests.jobs.receiver import Delivery, answer, receiver

PARCEL = Parcel(uuid4(), "{}")
NOT_ALLOWED = "The address is not allowed: it leads into a private network."


class Loopback(WebhookTargets):
    """Takes one address of this machine for all the world."""

    def admits(self, address: Address) -> bool:
        """Return whether it is that one."""
        return str(address) == "127.0.0.1"


def courier(targets: WebhookTargets, seconds: float = 2.0) -> Courier:
    return Courier(WebhookRules(WebhookSecrets("secret"), targets), seconds=seconds)


async def tell(url: str, targets: WebhookTargets, number: int = 1, **options: float) -> list[Answer]:
    """Send so many parcels."""
    one = courier(targets, **options)
    async with one.calling(uuid4(), url) as other:
        return [await other.tell(PARCEL) for _ in range(number)]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What `rebinding.test` means, one look after the other; each look takes the first away while there are others."""
    meant: list[str] = []
    real = socket.getaddrinfo

    def look_up(host: Any, port: Any, *arguments: Any, **more: Any) -> Any:
        if host != "rebinding.test":
            return real(host, port, *arguments, **more)
        now = meant.pop(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in now.split()]

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    return meant


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104 - it is refused
        "10.1.2.3",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.0.192",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:0",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::7f00:1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "3fff::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_an_address_of_a_private_network_is_refused_unless_the_installation_allows_it(address: str) -> None:
    assert not WebhookTargets().admits(ip_address(address))
    assert WebhookTargets(private=True).admits(ip_address(address))


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.215.14", "::ffff:1.1.1.1", "2606:4700::1111", "64:ff9b::101:101"]
)
def test_any_other_is_taken(address: str) -> None:
    assert WebhookTargets().admits(ip_address(address))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"])
async def test_this_machine_is_not_connected_to_however_it_is_spelled(host: str) -> None:
    async with receiver() as one:
        (told,) = await tell(f"http://{host}:{one.port}/", WebhookTargets(plain_http=True))
        assert told.status_code is None
        assert told.error is not None
        assert told.error.startswith("The address is not allowed: ")
        assert one.connections == 0


async def test_a_name_that_means_a_private_address_is_refused(names: list[str]) -> None:
    async with receiver() as one:
        names += ["127.0.0.1"]
        (told,) = await tell(f"http://rebinding.test:{one.port}/", WebhookTargets(plain_http=True))
        assert (told.error, one.connections) == (NOT_ALLOWED, 0)


async def test_what_was_judged_is_what_is_connected_to(names: list[str]) -> None:
    async with receiver() as public, receiver(public.port, "127.0.0.2") as private:
        # Who asks twice is led elsewhere.
        names += ["127.0.0.1", "127.0.0.2"]
        told = await tell(f"http://rebinding.test:{public.port}/", Loopback(plain_http=True), number=3)
        assert [one.status_code for one in told] == [204, 204, 204]
        assert (public.connections, private.connections) == (1, 0)
        assert names == ["127.0.0.2"]
        assert {one.headers["host"] for one in public.came} == {f"rebinding.test:{public.port}"}


async def test_of_several_addresses_those_that_are_not_allowed_are_left_out(names: list[str]) -> None:
    async with receiver() as public, receiver(public.port, "127.0.0.2") as private:
        names += ["127.0.0.2 127.0.0.1", "127.0.0.2"]
        url = f"http://rebinding.test:{public.port}/"
        assert [one.status_code for one in await tell(url, Loopback(plain_http=True))] == [204]
        assert [one.error for one in await tell(url, Loopback(plain_http=True))] == [NOT_ALLOWED]
        assert private.connections == 0


async def test_of_several_addresses_the_next_is_tried(names: list[str]) -> None:
    async with receiver() as one:
        names += ["127.0.0.3 127.0.0.1"]
        targets = WebhookTargets(private=True, plain_http=True)
        assert [one.status_code for one in await tell(f"http://rebinding.test:{one.port}/", targets)] == [204]


async def test_a_setting_that_is_taken_back_counts_for_webhooks_that_there_are() -> None:
    async with receiver() as one:
        (told,) = await tell(one.url, Loopback())
        assert told.error == "The address is not allowed: It must begin with https://."
        assert one.connections == 0


async def test_a_redirect_leads_nowhere() -> None:
    async with receiver() as one, receiver() as other:

        async def redirect(_delivery: Delivery) -> bytes:
            return answer(302, f"Location: {other.url}")

        one.behave = redirect
        (told,) = await tell(one.url, Loopback(plain_http=True))
        assert (told.status_code, told.error) == (302, "It answered with the status 302. Redirects are not followed.")
        assert other.connections == 0


async def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiver() as one, receiver() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert [told.status_code for told in await tell(one.url, Loopback(plain_http=True))] == [204]
        assert proxy.connections == 0


async def test_an_answer_without_an_end_is_not_read_to_it() -> None:
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 -\r\nContent-Length: 100000000000\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
                sent += 65536
        except ConnectionError:
            writer.close()

    server = await asyncio.start_server(flood, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    (told,) = await tell(f"http://127.0.0.1:{port}/", Loopback(plain_http=True), seconds=30.0)
    server.close()
    assert (told.status_code, told.error) == (200, None)
    # What fits into the buffers of two sockets.
    assert sent < 32 * 1024 * 1024


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs a certificate")
@pytest.mark.parametrize(("name", "is_taken"), [("rebinding.test", True), ("127.0.0.1", False)])
async def test_the_certificate_must_be_that_of_the_name(
    names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, *, is_taken: bool
) -> None:
    alternative = f"DNS:{name}" if is_taken else f"IP:{name}"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out certificate.pem -days 2"
    more = ["-subj", f"/CN={name}", "-addext", f"subjectAltName={alternative}"]
    await asyncio.to_thread(subprocess.run, [*command.split(), *more], cwd=tmp_path, check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    async with receiver(tls=context) as one:
        names += ["127.0.0.1"]
        (told,) = await tell(f"https://rebinding.test:{one.port}/", Loopback())
        assert told.status_code == (204 if is_taken else None)
        assert is_taken or "certificate" in (told.error or "")
        assert len(one.came) == int(is_taken)
