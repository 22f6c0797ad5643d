"""Settings: environment variables or `.env`. With none set, Twofold runs."""

import hashlib
from collections.abc import Mapping
from datetime import timedelta

from limits import RateLimitItem, parse
from pydantic import ValidationError

from api.core.attempts import RULES, Attempts, Limited
from api.core.budget import Budget
from api.core.challenges import Challenges
from api.core.connection_limits import ConnectionLimits
from api.core.counters import Counters
from api.core.files.links import Links
from api.core.files.rules import FileRules
from api.core.files.signing import Signer, signer_of
from api.core.files.store import FileStore
from api.core.files.upload_tickets import UploadTickets
from api.core.identity import Identity
from api.core.mail_tokens import MailTokens
from api.core.oidc.provider import OidcOptions, Provider
from api.core.oidc.sign_ins import SignIns
from api.core.passwords import Passwords
from api.core.refresh_tokens import RefreshTokens
from api.core.second_step import SecondStep
from api.core.tokens import Tokens
from api.core.webhook_rules import WebhookRules
from api.core.webhook_secrets import WebhookSecrets
from api.core.webhook_targets import WebhookTargets
from api.kept_secret import SettingsError, kept_secret
from api.setting_fields import SettingFields
from db.engine import DatabaseOptions, sqlite_address

UNFINISHED_BODIES = 64
"""So many of the largest bodies may be half there in a process at once."""


class Settings(SettingFields):
    """The settings, and what an installation is made of by them."""

    @property
    def embedded(self) -> bool:
        """Whether the database is the SQLite file that Twofold looks after itself."""
        return self.database_url is None

    @property
    def database_address(self) -> str:
        """The database's URL."""
        return self.database_url or sqlite_address((self.data_dir / "twofold.db").absolute())

    @property
    def database_options(self) -> DatabaseOptions:
        """Sizes and patience of the database connections."""
        return DatabaseOptions(
            pool_size=self.database_pool_size,
            statement_timeout=self.statement_seconds,
            reads_per_caller=self.reads_max_per_user,
        )

    @property
    def connection_limits(self) -> ConnectionLimits:
        """What clients may take of a process before anybody looks at what they want."""
        return ConnectionLimits(
            connections=self.connections_max,
            per_address=self.connections_max_per_address,
            head_seconds=self.request_head_seconds,
            head_bytes=self.request_head_bytes,
            body_seconds=self.request_body_seconds,
            body_bytes=UNFINISHED_BODIES * self.body_limit_bytes,
        )

    @property
    def installation(self) -> str:
        """A name that all processes of this installation share, and no other one has."""
        return hashlib.blake2b(self._secret.encode(), digest_size=8, person=b"installation").hexdigest()

    @property
    def _secret(self) -> str:
        return self.secret_key.get_secret_value() if self.secret_key else kept_secret(self.data_dir)

    def counters(self) -> Counters:
        """Return what counts whatever is limited by time; whoever asks for it closes it."""
        return Counters(self.redis_url, f"twofold:{self.installation}")

    def identity(self, counters: Counters | None = None) -> Identity:
        """Return the installation's way with passwords, tokens and newcomers; without counters this process counts."""
        return Identity(
            Passwords(memory_kib=self.password_memory_kib, queue=self.password_queue),
            Tokens(self._secret, lifetime=timedelta(seconds=self.access_token_seconds)),
            RefreshTokens(self._secret, lifetime=timedelta(days=self.session_days)),
            SecondStep(self._secret, issuer=self.app_name),
            Challenges(self._secret),
            Attempts(self._limits, counters or Counters(None, "")),
            registration_open=self.registration == "open",
        )

    def general_budget(self, counters: Counters) -> Budget:
        """Return the books about what each caller may spend."""
        return Budget(self._limits[Limited.BUDGET] if self._limits else None, counters if self.redis_url else None)

    def mail_tokens(self) -> MailTokens:
        """Return the installation's way with tokens that travel by mail."""
        return MailTokens(self._secret)

    def oidc_provider(self) -> Provider | None:
        """Return the provider to sign in with, if there is one. Nobody asks it anything yet."""
        if self.oidc_issuer is None or self.oidc_client_id is None:
            return None
        options = OidcOptions(
            self.oidc_issuer,
            self.oidc_client_id,
            self.oidc_client_secret.get_secret_value() if self.oidc_client_secret else None,
            self.oidc_scopes,
            self.oidc_redirect_uris,
            registration_open=(self.oidc_registration or self.registration) == "open",
        )
        return Provider(options, SignIns(self._secret))

    def file_store(self) -> FileStore:
        """Return where the bytes of files are kept. Nobody asks it anything yet."""
        url = self.files_url.get_secret_value() if self.files_url else None
        return FileStore(url, self.data_dir.absolute() / "files")

    def _signer(self) -> Signer | None:
        if not self.files_direct or self.files_url is None:
            return None
        return signer_of(self.files_url.get_secret_value())

    def file_rules(self) -> FileRules:
        """Return the installation's way with files."""
        return FileRules(
            self.file_store(),
            Links(self._secret),
            Links(self._secret, to_thumbnails=True),
            UploadTickets(self._secret),
            self._signer(),
            self.max_file_size,
            self.max_files_per_request,
            self.workspace_quota,
            self.file_types,
        )

    def webhook_rules(self) -> WebhookRules:
        """Return the installation's way with webhooks."""
        targets = WebhookTargets(private=self.webhook_private_addresses, plain_http=self.webhook_plain_http)
        return WebhookRules(WebhookSecrets(self._secret), targets)

    @property
    def links_begin_with(self) -> str:
        """Where the links in mails lead."""
        return self.public_url or f"http://{self.host}:{self.port}"

    @property
    def _limits(self) -> Mapping[Limited, RateLimitItem] | None:
        if not self.rate_limits:
            return None
        return {name: parse(getattr(self, rule.setting)) for name, rule in RULES.items()}


def load_settings() -> Settings:
    """Read the settings.

    Raises:
        SettingsError: with one sentence that names the setting and says what is wrong.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]).upper()
        problem = first["msg"].removeprefix("Value error, ").rstrip(".")
        raise SettingsError(f"The setting {name} is not valid: {problem}.") from None
