"""Hostile requests to the REST door: bodies, addresses, query strings and headers."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from tests.attacks.documents import MEBIBYTE, Attack
from tests.attacks.requests import Request, rest
from tests.attacks.target import PASSWORD

SIGN_INS: tuple[tuple[Any, Any, Any], ...] = (
    ("\ud800", "\ud800", "\ud800"),
    ("tfo_" + "A" * 96, "\ud800", "x"),
    ("tfo_é" * 20, "\x00", "\x00"),
    ("tfo_\x00", "x" * 100, "x" * 4096),
    ("x" * 300_000, "y" * 300_000, "z" * 300_000),
    ({}, [], None),
)
"""What comes back from no provider: a sign-in, a state and a code."""

ACCOUNT = {"name": "n", "email": "e@example.com", "password": "Correct horse 1", "password_confirm": "Correct horse 1"}
NOBODYS_ID = "00000000-0000-7000-8000-000000000000"
ODD_TEXTS = (
    "\ud800",
    "\x00",
    "\u202e",
    "\ufeff",
    "a\u0301" * 50,
    "x" * 500_000,
    "'; DROP TABLE users; --",
    "{{7*7}}",
    "%00",
    "..",
)


def attacks() -> Iterator[Attack]:
    """Go through all of them."""
    return chain(_bodies(), _texts(), _addresses(), _queries(), _headers())


def _bodies() -> Iterator[Attack]:
    for who, signed_in in (("", True), (" by nobody", False)):
        yield "wrong tags" + who, [rest("POST", "/items", {"title": "t", "tags": [1] * 330_000}, signed_in=signed_in)]
        yield "wrong values" + who, [rest("POST", "/items", {"status": ["X"] * 140_000}, signed_in=signed_in)]
        yield "unknown fields" + who, [rest("POST", "/items", {f"f{n}": 1 for n in range(80_000)}, signed_in=signed_in)]
        yield (
            "wide objects" + who,
            [
                rest(
                    "POST", "/items", {"title": "t", "fields": {f"k{n}": n for n in range(70_000)}}, signed_in=signed_in
                )
            ],
        )
        yield "a body too large" + who, [Request("POST", "/api/items", b" " * (MEBIBYTE + 1), signed_in=signed_in)]
        yield (
            "brackets" + who,
            [
                Request("POST", "/api/items", b"[" * 900_000, signed_in=signed_in),
                Request("POST", "/api/items", b'{"a":' * 150_000, signed_in=signed_in),
            ],
        )
    yield (
        "sign-up with unknown fields",
        [rest("POST", "/users", {**ACCOUNT, **{f"f{n}": 1 for n in range(80_000)}}, signed_in=False)],
    )
    yield (
        "log-in with unknown fields",
        [rest("POST", "/auth/login", {f"f{n}": 1 for n in range(80_000)}, signed_in=False)],
    )
    yield (
        "deep objects",
        [
            Request("POST", "/api/items", b'{"title":"t","fields":' + b'{"a":' * levels + b"1" + b"}" * levels + b"}")
            for levels in (33, 500, 100_000)
        ],
    )
    numbers = (
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"1e999",
        b"9" * 5_000,
        b"-" + b"9" * 100_000,
        b"0." + b"1" * 100_000,
        b"01",
        b"+1",
        b"1e-999",
    )
    yield (
        "numbers",
        [Request("POST", "/api/items", b'{"title":"t","fields":{"a":' + number + b"}}") for number in numbers],
    )
    yield (
        "numbers as a priority",
        [Request("POST", "/api/items", b'{"title":"t","priority":' + number + b"}") for number in numbers],
    )
    yield (
        "doubled keys",
        [Request("POST", "/api/items", b'{"title":"a","title":"b",' + b'"tags":[],' * 10_000 + b'"title":"c"}')],
    )
    yield (
        "bodies that are none",
        [
            Request("POST", "/api/items", body)
            for body in (
                b"",
                b"null",
                b"1",
                b"[]",
                b'"x"',
                b"{",
                b"\xff",
                b"\xef\xbb\xbf{}",
                b"{}{}",
                '{"title":"x"}'.encode("utf-16"),
            )
        ],
    )


def _texts() -> Iterator[Attack]:
    yield "texts in a title", [rest("POST", "/items", {"title": text}) for text in ODD_TEXTS]
    yield "texts in free fields", [rest("POST", "/items", {"title": "t", "fields": {text: text}}) for text in ODD_TEXTS]
    yield "texts in tags", [rest("POST", "/items", {"title": "t", "tags": [text]}) for text in ODD_TEXTS]
    yield "texts in messages", [rest("POST", "/messages", {"body": text}) for text in ODD_TEXTS]
    for name in ACCOUNT:
        yield (
            f"texts in {name}",
            [
                rest("POST", "/users", {**ACCOUNT, name: text}, signed_in=False)
                for text in ("\ud800", "\x00", "x" * 100_000)
            ],
        )
    yield (
        "texts at the log-in",
        [
            rest("POST", "/auth/login", {"email": a, "password": b}, signed_in=False)
            for a, b in (("\ud800", "x"), ("x@example.com", "\ud800"), ("\x00", "\x00"), ("x" * 300_000, "y" * 300_000))
        ],
    )
    yield (
        "invitations of odd addresses",
        [
            rest("POST", f"/workspaces/{NOBODYS_ID}/invitations", {"email": text})
            for text in (*ODD_TEXTS, "a@" + "b." * 5_000 + "example.com", "a@example.com\r\nBcc: b@example.com", ["x"])
        ],
    )
    for answer in ("accept", "decline"):
        for who, signed_in in (("", True), (" by nobody", False)):
            yield (
                f"odd invitations to {answer}{who}",
                [
                    rest("POST", f"/invitations/{answer}", {name: value}, signed_in=signed_in)
                    for name in ("token", "invitation_id")
                    for value in (*ODD_TEXTS, NOBODYS_ID, None, 1, ["x"] * 10_000)
                ],
            )
    yield (
        "texts at the second step",
        [
            rest("POST", "/auth/login/complete", {"challenge": a, "code": b}, signed_in=False)
            for a, b in (
                ("\ud800", "x"),
                ("tfc_" + "A" * 88, "\ud800"),
                ("tfc_é" * 20, "000000"),
                ("tfc_\x00", "\x00"),
                ("x" * 300_000, "y" * 300_000),
                ({}, []),
            )
        ],
    )
    yield (
        "texts at the provider's sign-in",
        [
            rest("POST", f"/auth/oidc{path}", body, signed_in=False)
            for path, body in (
                ("", {"redirect_uri": "\ud800"}),
                ("", {"redirect_uri": "https://a/" + "\x00" * 60_000}),
                *(("/complete", {"sign_in": a, "state": b, "code": c}) for a, b, c in SIGN_INS),
            )
        ],
    )
    yield (
        "codes of no app",
        [
            rest("POST", f"/auth/two-step/{operation}", {"current_password": PASSWORD, "code": code})
            for operation in ("enable", "disable", "recovery-codes")
            for code in ("\ud800", "\x00", "½" * 60, "٣" * 6, "0" * 100_000)
        ],
    )
    yield (
        "a ticket for nothing",
        [
            rest("POST", "/auth/stream-ticket", {"workspace_id": value})
            for value in (NOBODYS_ID, "x", None, 1, "\ud800")
        ],
    )


def _addresses() -> Iterator[Attack]:
    parts = (
        "%00",
        "%ff",
        "%ED%A0%80",
        "..",
        "..%2f..%2fetc%2fpasswd",
        "%",
        "%zz",
        "x" * 20_000,
        "é".encode().hex(),
        "0",
        "-1",
        "{id}",
        "*",
        NOBODYS_ID,
        NOBODYS_ID.upper(),
        "urn:uuid:" + NOBODYS_ID,
        "{" + NOBODYS_ID + "}",
    )
    yield "addresses of items", [Request("GET", f"/api/items/{part}") for part in parts]
    yield "addresses of workspaces", [Request("GET", f"/api/workspaces/{part}/changes") for part in parts]
    yield (
        "addresses",
        [
            Request("GET", path)
            for path in (
                "//",
                "/api//items",
                "/api/items/",
                "//example.com/api/items/",
                "/\\example.com/",
                "/api/../health",
                "/docs/",
                "/graphql/",
                "/openapi.json/",
                "/%2e%2e/",
                "/" + "a/" * 5_000,
            )
        ],
    )
    yield (
        "methods",
        [
            Request(method, "/api/items", b"{}")
            for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "BREW", "get", "X" * 1000)
        ],
    )


def _queries() -> Iterator[Attack]:
    values = ("0", "-1", "101", "9" * 5_000, "1.5", "NaN", "", "%00", "%ED%A0%80", "x", "true", "null")
    for name in (
        "limit",
        "skip",
        "priority_from",
        "created_from",
        "include_total",
        "cursor",
        "assignee_id",
        "status",
        "sort",
        "text",
        "tag",
    ):
        yield f"{name} of any kind", [Request("GET", f"/api/items?{name}={value}") for value in values]
    yield (
        "a parameter many times",
        [
            Request("GET", "/api/items?" + "&".join(f"{name}={value}" for _ in range(3_000)))
            for name, value in (("limit", "5"), ("status", "open"), ("status", "x"), ("tag", "a"), ("nosuch", "1"))
        ],
    )
    yield "many parameters", [Request("GET", "/api/items?" + "&".join(f"p{n}=1" for n in range(4_000)))]
    yield (
        "far pages",
        [Request("GET", f"/api/items?skip={skip}&include_total=true") for skip in (10**5, 10**9, 2**31, 2**63, 10**20)],
    )
    yield (
        "resuming",
        [
            Request("GET", f"/api/workspaces/{NOBODYS_ID}/changes?after={after}")
            for after in ("-1", "1e3", "9" * 30, "x", "")
        ],
    )
    yield "pages of long texts", [Request("GET", "/api/items?limit=100&sort=created")] * 3
    yield (
        "searches",
        [
            Request("GET", f"/api/items?limit=1&include_total=true&text={text}")
            for text in (
                "x",
                "%25",
                "_",
                "%ce%94x%20%ce%94",
                "qqq",
                "%22",
                "*",
                "NEAR(",
                "a%20OR%20b",
                "'",
                "-",
                "%5c",
                "%00",
            )
        ],
    )


def _headers() -> Iterator[Attack]:
    tokens = (
        b"",
        b"Bearer",
        b"Bearer x",
        b"bearer  a.b.c",
        b"Basic YTpi",
        b"Bearer \xff",
        b"Bearer " + b"A" * 20_000,
        b"Bearer " + b"." * 10_000,
        b"Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
        b"Bearer eyJhbGciOiJIUzI1NiIsImtpZCI6Ii4uLy4uIn0.e30.x",
        b"Bearer twofold_",
        b"Bearer twofold_" + b"A" * 36,
        b"Bearer twofold_" + b"A" * 30 + b"0uCPlr",
        b"Bearer twofold_" + b"\xff" * 36,
        b"Bearer twofold_" + b"A" * 20_000,
    )
    yield "tokens", [Request("GET", "/api/items", headers={"Authorization": token}) for token in tokens]
    yield (
        "tokens at GraphQL",
        [Request("POST", "/graphql", b'{"query":"{ me { id } }"}', {"Authorization": token}) for token in tokens],
    )
    yield (
        "versions",
        [
            Request("PATCH", f"/api/items/{NOBODYS_ID}", b'{"title":"t"}', {"If-Match": value})
            for value in (
                b"",
                b"*",
                b"1",
                b'"x"',
                b'"' + b"9" * 5_000 + b'"',
                b'W/"1"',
                b'"1", "2"',
                b",".join([b'"1"'] * 3_000),
                b"\xff",
            )
        ],
    )
    yield (
        "request ids",
        [
            Request("GET", "/health", headers={"X-Request-ID": value})
            for value in (b"", b"a" * 10_000, b"\xff", b"${jndi:ldap://127.0.0.1}", b"a b")
        ],
    )
    yield (
        "types of bodies",
        [
            Request("POST", "/api/items", b'{"title":"t"}', {"Content-Type": kind})
            for kind in (
                b"",
                b"text/plain",
                b"Application/JSON; Charset=utf-8",
                b"application/json;" + b"a=b;" * 3_000,
                b"application/xml",
                b"\xff",
                b"application/json, text/plain",
            )
        ],
    )
    yield (
        "origins",
        [
            Request("OPTIONS", "/api/items", headers={"Origin": origin, "Access-Control-Request-Method": b"POST"})
            for origin in (b"null", b"https://evil.example.com", b"\xff", b"a" * 10_000)
        ],
    )
    yield (
        "ranges and conditions",
        [
            Request("GET", "/api/items", headers={name: value})
            for name, value in (
                ("If-None-Match", b'"1"' * 3_000),
                ("If-Modified-Since", b"x" * 3_000),
                ("Range", b"bytes=0-,0-,0-" * 500),
                ("Accept-Encoding", b"gzip;q=" + b"9" * 3_000),
                ("Cookie", b"a=b;" * 3_000),
            )
        ],
    )
    yield (
        "resuming a stream",
        [
            Request("GET", f"/api/workspaces/{NOBODYS_ID}/changes/stream", headers={"Last-Event-ID": value})
            for value in (b"", b"-1", b"9" * 5_000, b"x", b"\xff")
        ],
    )
