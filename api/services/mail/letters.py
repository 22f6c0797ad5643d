"""What mails say: a text and an HTML template for each kind of letter.

No letter repeats what somebody could choose: whoever signs up with another one's address must not be able to
write to it.
"""

from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from api.schemas.jobs import LetterKind

SUBJECT = "Subject: "


@dataclass(frozen=True)
class Letter:
    """A mail before it is one."""

    recipient: str
    subject: str
    text: str
    html: str


def write_letter(kind: LetterKind, recipient: str, **values: object) -> Letter:
    """Return the letter with the values in their places. The first line of the text is its subject."""
    first, _, text = _templates().get_template(f"{kind}.txt").render(values).partition("\n")
    subject = first.removeprefix(SUBJECT)
    html = _templates().get_template(f"{kind}.html").render(values, subject=subject)
    return Letter(recipient, subject, text.strip() + "\n", html)


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("api.services.mail"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
