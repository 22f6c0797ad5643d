"""The dearest requests that are still accepted, found by trying: kind by kind, as large as the server lets them be."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
from graphql import get_introspection_query

from tests.attacks.requests import Request, codes, graphql, rest
from tests.attacks.target import LONG_TEXT, Target

LETTERS = 1_000_000
"""More than any text that is accepted has."""


@dataclass(frozen=True)
class Kind:
    """A kind of request that grows with a number, up to a number beyond which it makes no sense."""

    name: str
    build: Callable[[int], Request]
    most: int

    async def dearest(self, client: httpx.AsyncClient, token: str) -> tuple[int, Request]:
        """Return the largest request that is accepted, and its number; halving finds it."""
        least, most = 0, self.most + 1
        while most - least > max(1, least // 50):
            middle = (least + most) // 2
            response = await self.build(middle).send(client, token)
            accepted = response.is_success and not codes(response)
            least, most = (middle, most) if accepted else (least, middle)
        return least, self.build(least)


def kinds(target: Target) -> Iterator[Kind]:
    """Go through all kinds."""
    page = "items(first: 100, sort: CREATED_ASC)"
    yield Kind(
        "a page of long texts",
        lambda n: graphql(f"{{ items(first: {n}, sort: CREATED_ASC) {{ nodes {{ description }} }} }}"),
        100,
    )
    yield Kind(
        "copies of long texts",
        lambda n: graphql("{ items(first: 5, sort: CREATED_ASC) { nodes {" + _aliases(n, "description") + "} } }"),
        30,
    )
    yield Kind(
        "pages in pages",
        lambda n: graphql(
            f"{{ me {{ items(first: {n}) {{ nodes {{ owner {{ items(first: {n}) {{ nodes {{ id title }} }} }} }} }} }} }}"
        ),
        100,
    )
    yield Kind(
        "short fields of pages in pages",
        lambda n: graphql(
            f"{{ me {{ items(first: {n}) {{ nodes {{ owner {{ items(first: {n}) {{ nodes {{ {_aliases(20, '__typename')} }} }} }} }} }} }} }}"
        ),
        100,
    )
    yield Kind("short fields of a page", lambda n: graphql(f"{{ {page} {{ nodes {{ {'status ' * n} }} }} }}"), 2000)
    yield Kind(
        "relations of a page",
        lambda n: graphql(
            f"{{ items(first: {n}) {{ nodes {{ owner {{ name }} assignee {{ name }} workspace {{ name }} messages(first: 1) {{ nodes {{ body author {{ name }} }} }} }} }} }}"
        ),
        100,
    )
    yield Kind("spaces", lambda n: graphql(" " * n + "{ me { id } }"), LETTERS)
    yield Kind("equal fields", lambda n: graphql("{ me { " + "id " * n + "} }"), 5000)
    yield Kind(
        "fragments",
        lambda n: graphql(
            "{ me { ...F0 } } "
            + " ".join(f"fragment F{i} on Account {{ id ...F{i + 1} }}" for i in range(n))
            + f" fragment F{n} on Account {{ id }}"
        ),
        500,
    )
    yield Kind(
        "inline fragments in each other", lambda n: graphql("{ me " + "{ ... " * n + "{ id }" + " }" * n + " }"), 1000
    )
    yield Kind("directives", lambda n: graphql("{ me { id " + "@include(if: true) " * n + "} }"), 1000)
    yield Kind(
        "introspection",
        lambda n: graphql(
            get_introspection_query().replace(
                "query IntrospectionQuery {",
                "{" + _aliases(n - 1, "__schema { types { name fields { name type { name } } } }"),
            )
        ),
        30,
    )
    yield Kind(
        "searches",
        lambda n: graphql(
            "{" + " ".join(f's{i}: items(filter: {{text: "x{i} nosuch"}}) {{ totalCount }}' for i in range(n)) + "}"
        ),
        30,
    )
    yield Kind(
        "searches for short texts",
        lambda n: graphql(
            "{" + " ".join(f's{i}: items(filter: {{text: "{chr(97 + i)}~"}}) {{ totalCount }}' for i in range(n)) + "}"
        ),
        25,
    )
    yield Kind(
        "counts",
        lambda n: graphql(
            "{" + " ".join(f's{i}: items(filter: {{tag: "t{i}"}}) {{ totalCount }}' for i in range(n)) + "}"
        ),
        30,
    )
    yield Kind("a REST page of long texts", lambda n: Request("GET", f"/api/items?limit={n}&sort=created"), 100)
    yield Kind(
        "a REST page of the log",
        lambda n: Request("GET", f"/api/workspaces/{target.attacker.workspace}/changes?after=0&limit={n}"),
        100,
    )
    yield Kind("a far REST page", lambda n: Request("GET", f"/api/items?skip={n}&limit=100&include_total=true"), 10**9)
    yield Kind("a REST search", lambda n: Request("GET", f"/api/items?include_total=true&text={'x' * n}"), 200)
    yield Kind(
        "a long description",
        lambda n: rest("POST", "/items", {"title": "t", "description": (LONG_TEXT * 60)[:n]}),
        LETTERS,
    )
    yield Kind(
        "free fields",
        lambda n: rest("POST", "/items", {"title": "t", "fields": {f"{i}": i for i in range(n)}}),
        100_000,
    )
    yield Kind("blanks around a body", lambda n: Request("POST", "/api/items", b" " * n + b'{"title": "t"}'), LETTERS)
    yield Kind(
        "creations in one request",
        lambda n: graphql(
            "mutation {" + " ".join(f'm{i}: createItem(input: {{title: "t"}}) {{ id }}' for i in range(n)) + "}"
        ),
        100,
    )


def refused() -> Iterator[Kind]:
    """Go through requests that are refused, and should cost next to nothing."""
    yield Kind("unknown fields", lambda n: rest("POST", "/items", {f"f{i}": 1 for i in range(n)}), 80_000)
    yield Kind(
        "unknown fields at GraphQL",
        lambda n: graphql(
            "mutation($i: ItemCreate!) { createItem(input: $i) { id } }", {"i": {f"f{i}": 1 for i in range(n)}}
        ),
        80_000,
    )
    yield Kind("wrong tags", lambda n: rest("POST", "/items", {"title": "t", "tags": [1] * n}), 330_000)
    yield Kind(
        "wrong tags by nobody",
        lambda n: rest("POST", "/items", {"title": "t", "tags": [1] * n}, signed_in=False),
        330_000,
    )
    yield Kind("line breaks", lambda n: graphql("\n" * n + "{ a b c }"), 1_040_000)
    yield Kind("brackets", lambda n: Request("POST", "/graphql", b"[" * n), 1_000_000)
    yield Kind(
        "a failing list",
        lambda n: graphql(f"{{ items(first: {n}) {{ nodes {{ messages(first: 0) {{ nodes {{ id }} }} }} }} }}"),
        100,
    )
    yield Kind(
        "wrong passwords",
        lambda n: graphql(
            "mutation {"
            + " ".join(
                f'a{i}: login(input: {{email: "x@example.com", password: "y"}}) {{ accessToken }}' for i in range(n)
            )
            + "}",
            signed_in=False,
        ),
        30,
    )


def _aliases(number: int, field: str) -> str:
    return " ".join(f"a{n}: {field}" for n in range(number))
