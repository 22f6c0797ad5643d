"""What can be set, with its default and what it is for. What is made of it is in `config`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, EmailStr, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from api.core.account_names import fold_address
from api.core.files.rules import MAX_FILES
from api.setting_types import (
    ClientId,
    ClientSecret,
    Count,
    DatabaseUrl,
    FilesDirect,
    FilesUrl,
    FileTypes,
    Issuer,
    Origins,
    PublicUrl,
    Rate,
    RedirectAddresses,
    RedisUrl,
    Scopes,
    SecretKey,
    SmtpUrl,
    WebAddress,
)


class SettingFields(BaseSettings):
    """All settings, with their defaults."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True, env_ignore_empty=True
    )

    app_name: Annotated[str, Field(min_length=1, description="The name on pages and in documents.")] = "Twofold"
    debug: Annotated[bool, Field(description="Log every SQL statement.")] = False
    data_dir: Annotated[Path, Field(description="Where the embedded database, the files and the secret are kept.")] = (
        Path("data")
    )
    database_url: Annotated[
        DatabaseUrl,
        Field(description="`postgresql://…`, or `sqlite:///` and a path; a SQLite file in DATA_DIR if not set."),
    ] = None
    database_pool_size: Annotated[
        Count,
        Field(
            description="Connections per process for requests, some to read and some to write; "
            "up to three more are its own."
        ),
    ] = 10
    statement_seconds: Annotated[
        float, Field(gt=0, description="How long the database may work at one statement of a request.")
    ] = 5.0
    reads_max_per_user: Annotated[
        Count, Field(description="Most reads of a user at once, per process; further ones wait for their turn.")
    ] = 2
    redis_url: Annotated[
        RedisUrl,
        Field(description="`redis://…`: wakes the other processes and machines at once, instead of at the beat."),
    ] = None
    live_beat_seconds: Annotated[
        float, Field(gt=0, description="How often to look for changes whose wake-up was lost.")
    ] = 5.0
    files_url: Annotated[
        FilesUrl,
        Field(
            description="`s3://key:secret@bucket/prefix?endpoint=https://…&region=…`, or `file:///` and a path: "
            "the store of files; a folder in DATA_DIR if not set."
        ),
    ] = None
    files_direct: Annotated[
        FilesDirect,
        Field(
            description="Whether clients read and write the bucket of FILES_URL themselves, at addresses that are "
            "signed for them: they must reach it, and pages must be allowed to by its CORS rules."
        ),
    ] = False
    max_file_size: Annotated[Count, Field(description="Largest file accepted, in bytes.")] = 100 * 1024 * 1024
    max_files_per_request: Annotated[int, Field(ge=1, le=MAX_FILES, description="Most files of one upload.")] = 20
    workspace_quota: Annotated[
        Count, Field(description="Most bytes of files that a workspace may keep, the trash included.")
    ] = 10 * 1024**3
    file_types: Annotated[
        FileTypes,
        Field(description="Media types of files accepted, separated by commas, such as `image/*, application/pdf`."),
    ] = ["*/*"]
    log_retention_days: Annotated[
        int | None, Field(ge=1, description="Remove changes that are older; all are kept if not set.")
    ] = None
    trash_days: Annotated[
        int, Field(ge=0, description="Delete for good what lay in the trash for longer; 0 to keep it.")
    ] = 30
    security_log_days: Annotated[
        int, Field(ge=0, description="Remove entries of the security log that are older; 0 to keep them.")
    ] = 365
    secret_key: Annotated[
        SecretKey,
        Field(
            description="Signs tokens and encrypts the secrets of two-step sign-in; "
            "made once and kept in DATA_DIR if not set."
        ),
    ] = None
    host: Annotated[str, Field(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="Port to listen on.")] = 8000
    workers: Annotated[Count, Field(description="Server processes.")] = 1
    cors_origins: Annotated[
        Origins,
        Field(description="Origins of browser apps, separated by commas; `*` for any."),
    ] = []
    hsts_seconds: Annotated[
        int, Field(ge=0, description="How long browsers that came over TLS come no other way; 0 to let them.")
    ] = 365 * 24 * 3600
    registration: Annotated[
        Literal["open", "closed"], Field(description="`closed`: administrators alone create accounts.")
    ] = "open"
    oidc_issuer: Annotated[
        Issuer,
        Field(description="The discovery address of an OpenID Connect provider, to sign in with; none if not set."),
    ] = None
    oidc_client_id: Annotated[ClientId, Field(description="What the provider calls this installation.")] = None
    oidc_client_secret: Annotated[
        ClientSecret, Field(description="The secret that goes with it; not set for a public client.")
    ] = None
    oidc_redirect_uris: Annotated[
        RedirectAddresses,
        Field(
            description="Where the provider may send people back to, as registered there, separated by commas; "
            "for GraphiQL its own address."
        ),
    ] = []
    oidc_scopes: Annotated[Scopes, Field(description="What the provider is asked for.")] = "openid email profile"
    oidc_name: Annotated[str, Field(min_length=1, description="What the button in GraphiQL calls the provider.")] = (
        "single sign-on"
    )
    oidc_registration: Annotated[
        Literal["open", "closed"] | None,
        Field(description="Whether whom the provider knows gets an account; as REGISTRATION if not set."),
    ] = None
    admin_email: Annotated[
        EmailStr, BeforeValidator(fold_address), Field(description="The first administrator's address.")
    ] = "admin@example.com"
    admin_password: Annotated[
        SecretStr | None, Field(description="The first administrator's password; made up and shown once if not set.")
    ] = None
    access_token_seconds: Annotated[
        Count, Field(description="How long an access token counts; a refresh gives another one.")
    ] = 15 * 60
    session_days: Annotated[Count, Field(description="How long a session lasts after its last refresh.")] = 30
    password_memory_kib: Annotated[int, Field(ge=32, description="Memory of one password hash (Argon2id).")] = 65536
    password_queue: Annotated[Count, Field(description="Most passwords that wait to be hashed, per process.")] = 32
    rate_limits: Annotated[bool, Field(description="Limit how often things may be done: the table under Security.")] = (
        True
    )
    login_attempts: Annotated[
        Rate, Field(description="Wrong passwords for an account from one address; the right one begins anew.")
    ] = "10/minute"
    login_attempts_per_account: Annotated[
        Rate, Field(description="Wrong passwords for an account; beyond it each address has one try left.")
    ] = "100/hour"
    login_attempts_per_address: Annotated[
        Rate, Field(description="Passwords tried from one address, right ones included.")
    ] = "30/minute"
    second_step_attempts: Annotated[
        Rate,
        Field(description="Wrong codes at the second step for an account, from anywhere; the right one begins anew."),
    ] = "10/hour"
    second_step_attempts_per_address: Annotated[
        Rate, Field(description="Codes tried at the second step from one address, right ones included.")
    ] = "30/minute"
    oidc_attempts_per_address: Annotated[
        Rate,
        Field(description="Sign-ins with the provider from one address; to begin counts, and so does to complete."),
    ] = "60/minute"
    sign_ups_per_address: Annotated[Rate, Field(description="Accounts created from one address by its own people.")] = (
        "20/hour"
    )
    mails_per_address: Annotated[Rate, Field(description="Mails asked for from one address.")] = "20/hour"
    mails_per_mailbox: Annotated[
        Rate, Field(description="Mails asked for to one mailbox, whether or not it has an account.")
    ] = "5/hour"
    invitations_per_user: Annotated[
        Rate, Field(description="Invitations that one user sends; each is one of the mails to its mailbox, too.")
    ] = "50/hour"
    budget: Annotated[
        Rate,
        Field(
            description="What a user, or an address without sign-in, may ask for at both doors, "
            "counted as for GRAPHQL_MAX_COST."
        ),
    ] = "20000000/minute"
    smtp_url: Annotated[
        SmtpUrl,
        Field(
            description="`smtp://user:password@host:587`, or `smtps://…`: the mail server. "
            "If not set, mails stay in the outbox, which `twofold outbox` shows."
        ),
    ] = None
    mail_from: Annotated[EmailStr, Field(description="The sender of mails.")] = "twofold@example.com"
    public_url: Annotated[
        PublicUrl,
        Field(
            description="Where people reach your app: the links in mails begin with it. "
            "The address it listens on if not set."
        ),
    ] = None
    jobs: Annotated[
        Literal["here", "workers"],
        Field(description="`here`: the server does the jobs too; `workers`: only `twofold worker` does."),
    ] = "here"
    webhook_private_addresses: Annotated[
        bool, Field(description="Let webhooks lead to this machine and into private networks.")
    ] = False
    webhook_plain_http: Annotated[bool, Field(description="Let webhooks be sent without encryption, to `http://`.")] = (
        False
    )
    webhook_seconds: Annotated[
        float, Field(gt=0, description="How long the receiver of a webhook may take for one delivery.")
    ] = 15.0
    body_limit_bytes: Annotated[Count, Field(description="Largest JSON body accepted.")] = 1024 * 1024
    request_head_seconds: Annotated[
        float, Field(gt=0, description="How long the head of a request may take to arrive.")
    ] = 10.0
    request_head_bytes: Annotated[int, Field(ge=1024, description="Largest head of a request accepted.")] = 32 * 1024
    keep_alive_seconds: Annotated[
        Count,
        Field(description="How long a connection is kept for the next request; a proxy must let go sooner."),
    ] = 75
    request_body_seconds: Annotated[
        float,
        Field(gt=0, description="How long a body may take to arrive, and a second more for every 500 bytes of it."),
    ] = 20.0
    connections_max: Annotated[Count, Field(description="Most open connections, per process.")] = 10_000
    connections_max_per_address: Annotated[
        Count,
        Field(description="Most open connections of an address, per process; a proxy on this machine counts as many."),
    ] = 256
    anonymous_body_limit_bytes: Annotated[Count, Field(description="Largest JSON body of who is not signed in.")] = (
        64 * 1024
    )
    answer_max_bytes: Annotated[
        int,
        Field(ge=1024 * 1024, description="Largest answer of a list, a query or an event; larger ones are refused."),
    ] = 4 * 1024 * 1024
    graphiql: Annotated[bool, Field(description="Serve GraphiQL to browsers at /graphql.")] = True
    assets_url: Annotated[
        WebAddress,
        Field(description="Where browsers fetch the pages' scripts; a mirror of npm packages in closed networks."),
    ] = "https://cdn.jsdelivr.net/npm"
    graphql_introspection: Annotated[bool, Field(description="Let clients read the GraphQL schema.")] = True
    graphql_max_depth: Annotated[Count, Field(description="Deepest nesting of a query.")] = 12
    graphql_max_aliases: Annotated[Count, Field(description="Most aliases in a query.")] = 30
    graphql_max_characters: Annotated[
        Count, Field(description="Longest query, in characters, comments and blanks included.")
    ] = 20_000
    graphql_max_tokens: Annotated[Count, Field(description="Longest query, in tokens.")] = 2000
    graphql_max_cost: Annotated[
        Count, Field(description="Most fields that an answer may have, each as often as it can come.")
    ] = 20_000
    streams_max_per_user: Annotated[
        Count, Field(description="Most subscriptions and event streams of a user at once, per process.")
    ] = 200
    streams_max_cost_per_user: Annotated[
        Count,
        Field(
            description="Most that one event may cost in all subscriptions and event streams of a user, per process; "
            "counted as for GRAPHQL_MAX_COST, an event of REST as one."
        ),
    ] = 20_000
    streams_memory_bytes: Annotated[
        Count, Field(description="Memory for the recent changes that open streams are told from, per process.")
    ] = 64 * 1024 * 1024
    socket_init_seconds: Annotated[float, Field(gt=0, description="How long a socket may stay silent at first.")] = 10.0
    socket_max_subscriptions: Annotated[Count, Field(description="Most subscriptions at once on one socket.")] = 50
    socket_max_per_user: Annotated[Count, Field(description="Most open sockets of a user, per process.")] = 50
    socket_ping_seconds: Annotated[
        float,
        Field(
            gt=0,
            description="How often a socket is asked for a sign of life; "
            "who takes nothing for three times as long is cut off, event streams too.",
        ),
    ] = 20.0
    log_format: Annotated[
        Literal["auto", "console", "json"], Field(description="`auto`: colour on a terminal, JSON elsewhere.")
    ] = "auto"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        BeforeValidator(lambda value: str(value).lower()),
        Field(description="The least important lines to log; requests are `info`."),
    ] = "info"
