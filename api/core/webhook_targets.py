"""Where webhooks may lead: whoever names an address must not reach through this server what it cannot reach itself.

A name proves nothing, as it may mean another machine a moment later. So what is judged is the address that is
connected to (OWASP, "Server-Side Request Forgery Prevention Cheat Sheet").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address

_NAT64 = IPv6Network("64:ff9b::/96")
_UNICAST = IPv6Network("2000::/3")
"""What of IPv6 is for the world; the rest is reserved, or for other purposes."""

_SPECIAL: Sequence[IPv4Network | IPv6Network] = (
    # Of the registries of special addresses of IANA, what not every version of Python knows.
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv6Network("2001::/23"),
    IPv6Network("3fff::/20"),
    # A public address at which a cloud tells its machines secrets; all others are in the registries.
    IPv4Network("168.63.129.16/32"),
)


@dataclass(frozen=True)
class WebhookTargets:
    """What the installation allows."""

    private: bool = False
    plain_http: bool = False

    def objection(self, url: str) -> str | None:
        """Return why no webhook may have this address, as far as can be told without a look at the network."""
        parts = urlsplit(url)
        if parts.scheme == "http" and not self.plain_http:
            return "It must begin with https://"
        try:
            address = ip_address(parts.hostname or "")
        except ValueError:
            return None
        return None if self.admits(address) else "It must not be an address of a private network"

    def admits(self, address: Address) -> bool:
        """Return whether a connection to this address is allowed."""
        return self.private or all(_is_public(one) for one in _meant_by(address))


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _UNICAST and address not in _NAT64:
        return False
    return address.is_global and not address.is_multicast and not any(address in network for network in _SPECIAL)


def _meant_by(address: Address) -> list[Address]:
    """Return the address, and the one of IPv4 that it stands for: routers and kernels may look through it."""
    meant: list[Address] = [address]
    if isinstance(address, IPv4Address):
        return meant
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address.sixtofour is not None:
        meant.append(address.sixtofour)
    if address in _NAT64:
        meant.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return meant
