"""What the connections of a process may take together."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ConnectionLimits:
    """What clients may take of a process before anybody looks at what they want."""

    connections: int
    per_address: int
    head_seconds: float
    head_bytes: int
    body_seconds: float
    body_bytes: int
