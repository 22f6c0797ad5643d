"""What the handlers of jobs work with."""

from dataclasses import dataclass

from api.core.mail_tokens import MailTokens
from api.services.mail.post import Postman
from db.engine import Database


@dataclass(frozen=True)
class Tools:
    """The database, and all that a mail needs."""

    database: Database
    postman: Postman
    tokens: MailTokens
    app_name: str
    public_url: str
