"""Bodies of which nothing is kept: whoever reads one hands it on as it arrives, and limits it itself."""

from collections.abc import Mapping, MutableMapping
from typing import Any

_KEY = "twofold.streamed"


def stream_body(scope: MutableMapping[str, Any]) -> None:
    """Let the rest of a request be of any size."""
    scope[_KEY] = True


def is_streamed(scope: Mapping[str, Any]) -> bool:
    """Return whether nothing of a request's body is kept."""
    return _KEY in scope
