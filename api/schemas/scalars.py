"""Ids, numbers and switches as text: one spelling each, the same at both doors and in imports.

Pydantic, Python and GraphQL each take some more spellings, and not the same ones.
"""

import re
from typing import Annotated
from uuid import UUID

from pydantic import BeforeValidator

_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_WHOLE = re.compile(r"-?[0-9]{1,19}")

OR_HOME = "if absent, your personal workspace, or the one that your API key is for"
"""Which workspace is meant where none is named, as `Actor.home` has it."""


def parse_uuid(value: object) -> UUID:
    """Return the id that a client wrote: 32 hexadecimal digits in five groups (RFC 9562, section 4).

    Raises:
        ValueError: it is written otherwise, e.g. without hyphens, in braces or as a URN.
    """
    if isinstance(value, UUID):
        return value
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise ValueError("It must be a UUID such as 0198c0de-7a3f-7c21-9e55-0c2f4b6d8e10")
    return UUID(value)


def _whole_text(value: object) -> object:
    """Refuse `3.0`, `1_000`, `+3` and blanks, which Pydantic reads as numbers, and true, which Python counts as 1."""
    if isinstance(value, bool) or (isinstance(value, str) and not _WHOLE.fullmatch(value)):
        raise ValueError("It must be a whole number")
    return value


def _switch_text(value: object) -> object:
    """Refuse `yes`, `on` and `1`; capitals are what Python programs write."""
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise ValueError("It must be true or false")  # noqa: TRY004 - Pydantic reports a ValueError by path, and a TypeError not at all
    return value


Uuid = Annotated[UUID, BeforeValidator(parse_uuid)]
"""An id that a client sends."""

AsWhole = BeforeValidator(_whole_text)
"""Of a whole number, also as the text of a query string. It stands after the bounds, or OpenAPI would not show them."""

Switch = Annotated[bool, BeforeValidator(_switch_text)]
"""True or false, also as the text of a query string."""
