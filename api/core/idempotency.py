"""Keys by which a client names a request that it may have to send again."""

from api.core.errors import invalid

MAX_KEY = 255


def read_key(given: object) -> str | None:
    """Return the key that a client sent, None for none; quotes around it are the header's (RFC 9651, section 3.3.3).

    Raises:
        AppError: VALIDATION_ERROR if it is none.
    """
    if given is None:
        return None
    key = given.strip() if isinstance(given, str) else ""
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not 1 <= len(key) <= MAX_KEY or not (key.isascii() and key.isprintable()):
        raise invalid([("idempotency_key", f"It must be 1 to {MAX_KEY} printable ASCII characters, such as a UUID")])
    return key
