"""Requests to GraphQL that are none, or hardly: operations, names, variables, bodies and headers of any kind."""

from collections.abc import Iterator

from tests.attacks.documents import Attack
from tests.attacks.requests import NONSENSE, Request, graphql


def attacks() -> Iterator[Attack]:
    """Go through all of them."""
    yield (
        "no operation",
        [
            graphql(text)
            for text in (
                "",
                " ",
                "#",
                "fragment A on User { id }",
                "type A { b: Int }",
                "{",
                "}",
                "{ }",
                "\ufeff{ me { id } }",
                "\x00",
                "\ud800",
                "query query { me { id } }",
            )
        ],
    )
    two = "query A { me { id } } query B { me { id } }"
    yield (
        "operation names",
        [graphql(two, operationName=name) for name in (*NONSENSE, "", "C", "A" * 100_000, "\ud800", "__proto__")],
    )
    yield "variables that are none", [graphql("{ me { id } }", variables) for variables in (*NONSENSE[1:], [{}])]
    yield "queries that are none", [graphql(query) for query in NONSENSE]
    yield (
        "extensions",
        [
            graphql("{ me { id } }", extensions=value)
            for value in (
                *NONSENSE,
                {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}},
                {"persistedQuery": 1},
            )
        ],
    )
    yield (
        "many operations",
        [graphql(" ".join(f"query Q{n} {{ me {{ id }} }}" for n in range(150)), operationName="Q7")],
    )
    yield (
        "a batch",
        [
            Request("POST", "/graphql", b"[" + b'{"query":"{ me { id } }"},' * 1000 + b"{}]"),
            Request("POST", "/graphql", b"[]"),
        ],
    )
    yield (
        "bodies that are none",
        [
            Request("POST", "/graphql", body)
            for body in (
                b"",
                b"{",
                b"nul",
                b"null",
                b"1",
                b'"x"',
                b"\xff\xfe",
                b"[" * 100_000,
                b'{"a":' * 100_000,
                b'{"query": NaN}',
                b'{"query":"{me{id}}","variables":{"a":1e999}}',
                b"9" * 100_000,
            )
        ],
    )
    yield (
        "text that is none",
        [
            graphql(
                'mutation($p: String!) { login(input: {email: "a@example.com", password: $p}) { accessToken } }',
                {"p": text},
            )
            for text in ("\ud800", "\x00", "x" * 100_000, "")
        ],
    )
    yield (
        "text that is none, as a literal",
        [
            graphql('{ items(filter: {text: "\\ud800"}) { nodes { id } } }'),
            graphql('{ items(filter: {text: "\\u0000"}) { nodes { id } } }'),
        ],
    )
    yield (
        "content types",
        [
            Request("POST", "/graphql", b'{"query":"{ me { id } }"}', {"Content-Type": kind})
            for kind in (
                b"",
                b"text/plain",
                b"APPLICATION/JSON",
                b'application/json; charset="UTF-8"',
                b"application/json;" + b"a=b;" * 1000,
                b"application/x-www-form-urlencoded",
                b"multipart/form-data; boundary=x",
                b"\xff",
            )
        ],
    )
    yield (
        "what is accepted",
        [
            Request("POST", "/graphql", b'{"query":"{ me { id } }"}', {"Accept": kind})
            for kind in (
                b"",
                b"*/*",
                b"text/html",
                b"image/png",
                b"text/event-stream",
                b"application/json;q=0",
                b"a/b;q=" + b"9" * 5000,
                b",".join([b"text/event-stream;q=0.1"] * 1000),
                b"\xff",
            )
        ],
    )
