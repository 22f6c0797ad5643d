"""What the handlers of jobs work with."""

from dataclasses import dataclass, field

from api.core.files.store import FileStore
from api.core.files.thumbnails import Shrinker
from api.core.mail_tokens import MailTokens
from api.services.mail.post import Postman
from api.services.work.courier import Courier
from db.engine import Database


@dataclass(frozen=True)
class Tools:
    """The database, the store of files, all that a mail or a webhook needs, and how long things are kept."""

    database: Database
    postman: Postman
    tokens: MailTokens
    app_name: str
    public_url: str
    courier: Courier
    store: FileStore
    trash_days: int
    """0 keeps what lies there; so does that of the security log."""
    security_log_days: int
    shrinker: Shrinker = field(default_factory=Shrinker)

    def link(self, page: str, token: str) -> str:
        """Return a link to a page of the app.

        Behind the number sign the token is not sent to the server of the page, and so in nobody's log.
        """
        return f"{self.public_url}/{page}#token={token}"
