"""Answers as JSON text."""

import json


def encode(data: object) -> str:
    """Return data as JSON, in letters and not in escapes (RFC 8259, section 8.1)."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))
