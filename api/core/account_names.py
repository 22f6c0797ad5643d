"""E-mail addresses as names of accounts: one spelling for all that mean the same mailbox."""

import unicodedata
from typing import Any

from pydantic import EmailStr, TypeAdapter

MAX_LENGTH = 254
"""The longest address that mail knows (RFC 5321, section 4.5.3.1.3, less its two brackets)."""

_address: TypeAdapter[str] = TypeAdapter(EmailStr)


def fold_address(value: Any) -> Any:
    """Return an address without what keyboards, forms and spreadsheets add; what is no text stays as it is.

    That is blanks around it, and the wide letters and signs of Asian keyboards (NFKC, Unicode Standard
    Annex 15).

    Raises:
        ValueError: it is too long for any address, or names a person beside it, as mail programs do.
    """
    if not isinstance(value, str):
        return value
    if len(value) > MAX_LENGTH:
        raise ValueError(f"It must not be longer than {MAX_LENGTH} characters")
    text = unicodedata.normalize("NFKC", value).strip()
    if text.endswith(">"):
        raise ValueError("value is not a valid email address: Give the address alone, without a name")
    return text


def lower_address(address: str) -> str:
    """Return a valid address in lower case, in the form in which it is stored and looked up."""
    return unicodedata.normalize("NFKC", address.lower())


def account_name(text: str) -> str:
    """Return how the account is stored that somebody names by this text.

    What is no address names nobody, and comes back as it is.
    """
    try:
        return lower_address(_address.validate_python(fold_address(text)))
    except ValueError:
        return text
