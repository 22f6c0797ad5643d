"""Answers as JSON text."""

import json


def encode(data: object) -> str:
    """Return data as JSON, in letters and not in escapes (RFC 8259, section 8.1)."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def writable(text: str) -> str:
    """Return the text as it can be sent: what an error quotes may have halves of characters in it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text
