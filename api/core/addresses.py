"""Whom an address of the network stands for."""

from ipaddress import IPv6Address, ip_address, ip_network

NOBODY_KNOWN = "unknown"
PREFIX_OF_ONE = 64
"""The part of an IPv6 address that one local network has to itself (RFC 4291, section 2.5.4; RFC 6177)."""


def network_of(address: str) -> str:
    """Return what is counted as one client: an IPv4 address, or the /64 network of an IPv6 address.

    What is no address, such as the name of a UNIX socket, is counted together.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return NOBODY_KNOWN
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((int(parsed), PREFIX_OF_ONE), strict=False))
