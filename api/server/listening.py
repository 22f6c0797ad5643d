"""The addresses that the server listens on, taken before anything else is done."""

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

# A host name may have an address of a kind that this machine is without.
_LACKING = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


@contextmanager
def listening(host: str, port: int) -> Iterator[list[socket.socket]]:
    """Give a listening socket for each address of the host; port 0 takes a free one, the same for all.

    Raises:
        OSError: the host is unknown, or somebody else listens there.
    """
    found = dict.fromkeys(
        (family, address)
        for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    )
    with ExitStack() as stack:
        sockets: list[socket.socket] = []
        for family, address in found:
            taken = sockets[0].getsockname()[1] if sockets else port
            try:
                one = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
                _listen_at(one, (address[0], taken, *address[2:]))
                sockets.append(one)
            except OSError as error:
                if error.errno not in _LACKING or len(found) == 1:
                    raise
        if not sockets:
            raise OSError(errno.EADDRNOTAVAIL, "it has no address here")
        yield sockets


def address_of(host: str, sockets: list[socket.socket]) -> str:
    """Return where the sockets are found by a browser: the host as it was given, with the port that was taken."""
    port = sockets[0].getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _listen_at(one: socket.socket, address: tuple[object, ...]) -> None:
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if one.family == socket.AF_INET6:
        # Each address for itself: the same port of IPv4 may be somebody else's.
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    one.bind(address)
    one.listen()
