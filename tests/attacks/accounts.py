"""Hostile requests about what belongs to accounts: sessions, mail tokens, API keys, webhooks, jobs, logs, lists."""

from collections.abc import Iterator
from itertools import chain

from tests.attacks.bodies import NOBODYS_ID, ODD_TEXTS
from tests.attacks.documents import Attack
from tests.attacks.requests import NONSENSE, Request, graphql, rest
from tests.attacks.target import PASSWORD

ODD_TOKENS = (*ODD_TEXTS, "", "a.b.c", "é" * 64, "A" * 64, "-" * 43, *NONSENSE)

ODD_ADDRESSES = (
    "http://127.0.0.1:6379/",
    "https://[::1]/",
    "https://169.254.169.254/latest/meta-data",
    "https://0x7f000001/",
    "https://2130706433/",
    "https://127.0.0.1.nip.io:22/",
    "https://user:password@example.com/",
    "https://example.com:99999/",
    "https://exa mple.com/",
    "https://example.com\r\nHost: other/",
    "https://xn--/",
    "https://" + "a" * 64 + ".example.com/",
    "https://" + "a." * 5_000 + "example.com/",
    "gopher://example.com/",
    "file:///etc/passwd",
    "//example.com",
    "https://",
    "https://\ud800.example.com/",
    "https://example.com/" + "x" * 100_000,
)

ODD_KEYS = (b"", b"\xff", b"a b", b'"', b'"' + b"a" * 300 + b'"', b"a" * 20_000, b"\x7f", b"'; --", b'"a", "b"')


def attacks() -> Iterator[Attack]:
    """Go through all of them."""
    return chain(_tokens(), _keys(), _webhooks(), _lists(), _idempotency())


def _tokens() -> Iterator[Attack]:
    yield (
        "refresh tokens of nobody",
        [rest("POST", "/auth/refresh", {"refresh_token": one}, signed_in=False) for one in ODD_TOKENS],
    )
    yield (
        "refresh tokens in a cookie",
        [
            Request("POST", "/api/auth/refresh", b"{}", {"Cookie": b"twofold_refresh=" + one}, signed_in=False)
            for one in (b"", b"\xff" * 64, b"A" * 6_000, b'"a"; twofold_refresh=b', b"a.b.c")
        ],
    )
    yield (
        "tokens of no mail",
        [
            *(rest("POST", "/auth/verify-email", {"token": one}, signed_in=False) for one in ODD_TOKENS),
            *(
                rest("POST", "/auth/reset-password", {"token": one, "password": PASSWORD, "password_confirm": PASSWORD})
                for one in ODD_TOKENS
            ),
        ],
    )
    yield (
        "mails to odd addresses",
        [
            rest("POST", "/auth/request-password-reset", {"email": one}, signed_in=False)
            for one in (*ODD_TEXTS, "a@example.com\r\nBcc: b@example.com", "a@" + "b." * 5_000 + "example.com", ["x"])
        ],
    )
    yield (
        "another address by force",
        [rest("POST", "/auth/change-email", {"email": one, "current_password": PASSWORD}) for one in ODD_TEXTS],
    )


def _keys() -> Iterator[Attack]:
    yield "API keys with odd names", [rest("POST", "/auth/api-keys", {"name": one}) for one in ODD_TEXTS]
    yield (
        "API keys with odd rights",
        [
            rest("POST", "/auth/api-keys", {"name": "n", field: value})
            for field in ("access", "workspace_id", "expires_at", "user_id", "role")
            for value in (*NONSENSE, "\ud800", "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00+23:59")
        ],
    )


def _webhooks() -> Iterator[Attack]:
    yield "webhooks to odd addresses", [rest("POST", "/webhooks", {"url": one}) for one in ODD_ADDRESSES]
    yield (
        "webhooks with odd fields",
        [
            rest("POST", "/webhooks", {"url": "https://example.com/hook", field: value})
            for field in ("kinds", "secret", "description", "seq", "paused", "workspace_id")
            for value in (*NONSENSE, *ODD_TEXTS, ["item.created"] * 50_000)
        ],
    )
    yield (
        "webhooks of nobody",
        [
            rest("PATCH", f"/webhooks/{NOBODYS_ID}", {"paused": False}),
            rest("DELETE", f"/webhooks/{NOBODYS_ID}"),
            rest("GET", f"/webhook-deliveries?webhook_id={NOBODYS_ID}"),
            rest("POST", f"/webhook-deliveries/{NOBODYS_ID}/redeliver"),
        ],
    )


def _lists() -> Iterator[Attack]:
    paths = ("auth/sessions", "auth/api-keys", "invitations", "webhooks", "jobs", "security-events", "users")
    yield (
        "lists asked oddly",
        [
            Request("GET", f"/api/{path}?{query}")
            for path in paths
            for query in ("limit=0", "skip=9223372036854775807", "cursor=%FF", "cursor=" + "A" * 5_000, "status=x")
        ],
    )
    yield (
        "one's own log",
        [
            Request("GET", f"/api/me/changes?after={after}&limit={limit}")
            for after in ("-1", "9" * 30, "x", "", "9007199254740991")
            for limit in ("0", "100", "x")
        ],
    )
    yield (
        "one's own stream, resumed oddly",
        [
            Request("GET", "/api/me/stream", headers={"Last-Event-ID": value})
            for value in (b"-1", b"9" * 5_000, b"x", b"\xff", b"9007199254740991")
        ],
    )
    yield (
        "all operations about accounts, aliased",
        [
            graphql("{" + " ".join(f"a{n}: {field}" for n in range(30)) + "}")
            for field in (
                "sessions(first: 100) { nodes { id device } }",
                "apiKeys(first: 100) { nodes { id name } }",
                "invitations(first: 100) { nodes { id email workspaceName inviterId } }",
                "webhooks(first: 100) { nodes { id url } }",
                "jobs(first: 100) { nodes { id error } }",
                "securityEvents(first: 100) { nodes { id kind } }",
                "myChanges(limit: 100) { nodes { seq state changed } }",
            )
        ],
    )


def _idempotency() -> Iterator[Attack]:
    yield (
        "odd idempotency keys",
        [Request("POST", "/api/items", b'{"title":"t"}', {"Idempotency-Key": one}) for one in ODD_KEYS],
    )
    mutation = 'mutation { createItem(input: {title: "t"}) { id } }'
    yield (
        "odd idempotency keys at GraphQL",
        [
            graphql(mutation, extensions={"idempotencyKey": value})
            for value in (*NONSENSE, *ODD_TEXTS, "a" * 300, {"a": ["b"] * 10_000})
        ],
    )
