"""Hostile GraphQL documents: each is a name and the requests of one attack, on every part of a query."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from graphql import get_introspection_query

from tests.attacks.requests import Request, graphql

Attack = tuple[str, Sequence[Request]]

MEBIBYTE = 1024 * 1024
ROOM = MEBIBYTE - 4096
"""As much text as fits into a body of the largest size."""


def attacks() -> Iterator[Attack]:
    """Go through all of them."""
    return chain(_large_answers(), _long_documents(), _many_errors(), _sizes(), _introspection())


def _large_answers() -> Iterator[Attack]:
    copies = " ".join(f"c{n}: description" for n in range(5))
    bodies = " ".join(f"b{n}: body" for n in range(5))
    yield (
        "items under each other, with copies of a long text",
        [
            graphql(
                f"{{ me {{ items(first: 49) {{ nodes {{ owner {{ items(first: 98) {{ nodes {{ {copies} }} }} }} }} }} }} }}"
            )
        ],
    )
    yield "a page with copies of a long text", [graphql(f"{{ items(first: 100) {{ nodes {{ {copies} }} }} }}")]
    yield (
        "aliased pages of long texts",
        [graphql("{" + " ".join(f"p{n}: items(first: 100) {{ nodes {{ description }} }}" for n in range(30)) + "}")],
    )
    yield (
        "copies by fragments",
        [
            graphql(
                "{ items(first: 100) { nodes { ...A ...B } } } fragment A on Item { a: description ...B } "
                "fragment B on Item { b: description c: description d: fields e: fields }"
            )
        ],
    )
    yield (
        "the same page by edges and by nodes",
        [graphql("{ items(first: 100) { nodes { description } edges { node { description d: description } } } }")],
    )
    yield (
        "threads of threads",
        [
            graphql(
                f"{{ items(first: 99) {{ nodes {{ messages(first: 99) {{ nodes {{ {bodies} item {{ {copies} }} }} }} }} }} }}"
            )
        ],
    )
    yield (
        "history with its states",
        [
            graphql(
                "{ w: workspaces(first: 100) { nodes { items(first: 100) { nodes { workspace { items(first: 100) "
                "{ nodes { description fields } } } } } } } }"
            )
        ],
    )
    yield (
        "type names without end",
        [graphql("{ items(first: 100) { nodes { " + " ".join(f"t{n}: __typename" for n in range(29)) + " } } }")],
    )


def _long_documents() -> Iterator[Attack]:
    unknown = " ".join(f"f{n}" for n in range(120))
    for who, signed_in in (("", True), (" by nobody", False)):
        yield (
            "line breaks before unknown fields" + who,
            [graphql("\n" * ROOM + f"{{ {unknown} }}", signed_in=signed_in)],
        )
        yield "commas without end" + who, [graphql("{ me { name } }" + "," * ROOM, signed_in=signed_in)]
        yield "a comment without end" + who, [graphql("#" * ROOM + "\n{ me { name } }", signed_in=signed_in)]
        yield "many comments" + who, [graphql("#\n" * (ROOM // 3) + "{ me { name } }", signed_in=signed_in)]
        yield (
            "brackets without end" + who,
            [graphql("{" * ROOM, signed_in=signed_in), graphql("[" * ROOM, signed_in=signed_in)],
        )
        yield "lists without end" + who, [graphql("{ a(b: " + "[" * (ROOM // 2) + "1", signed_in=signed_in)]
        yield "a block string" + who, [graphql('{ a(b: """' + "\n " * (ROOM // 4) + '""") }', signed_in=signed_in)]
        yield (
            "a string of escapes" + who,
            [graphql('{ a(b: "' + "\\u{1F600}" * (ROOM // 10) + '") }', signed_in=signed_in)],
        )
        yield "a name without end" + who, [graphql("{ " + "x" * ROOM + " }", signed_in=signed_in)]
        yield "a number without end" + who, [graphql("{ a(b: " + "9" * ROOM + ") }", signed_in=signed_in)]
    yield (
        "line breaks before a list that fails in every row",
        [
            graphql(
                "\n" * (ROOM // 2)
                + "{ items(first: 98) { nodes { owner { items(first: 5) { nodes { messages(first: 0) { nodes { id } } } } } } } }"
            )
        ],
    )
    yield "spaces within the limit, and errors at the end", [graphql(" " * 15_000 + f"{{ {unknown} }}")]


def _many_errors() -> Iterator[Attack]:
    document = "mutation($input: ItemCreate!) { createItem(input: $input) { id } }"
    yield (
        "an undeclared variable many times",
        [
            graphql(
                "{ items { nodes { "
                + " ".join(f"m{n}: messages(first: $x{n}) {{ nodes {{ id }} }}" for n in range(25))
                + " } } }"
            )
        ],
    )
    yield (
        "a fragment that spreads itself",
        [graphql("{ me { ...A } } fragment A on User { ...B } fragment B on User { ...A }")],
    )
    yield (
        "fragments in a long chain",
        [
            graphql(
                "{ me { ...F0 } } "
                + " ".join(f"fragment F{n} on User {{ ...F{n + 1} }}" for n in range(200))
                + " fragment F200 on User { id }"
            )
        ],
    )
    yield (
        "fragments that double",
        [
            graphql(
                "{ me { ...F0 } } "
                + " ".join(f"fragment F{n} on User {{ ...F{n + 1} ...F{n + 1} }}" for n in range(60))
                + " fragment F60 on User { id }"
            )
        ],
    )
    yield (
        "unused fragments",
        [graphql("{ me { id } } " + " ".join(f"fragment F{n} on User {{ id }}" for n in range(250)))],
    )
    yield "unused variables", [graphql("query(" + " ".join(f"$v{n}: Int" for n in range(450)) + ") { me { id } }")]
    yield (
        "one variable declared often",
        [graphql("query(" + " ".join("$v: Int" for n in range(450)) + ") { me { id } }")],
    )
    yield "inline fragments inside each other", [graphql("{ me " + "{ ... " * 900 + "{ id }" + "}" * 900 + " }")]
    yield "equal fields", [graphql("{ me { " + "id " * 480 + "} }"), graphql("{ " + "me { id } " * 300 + "}")]
    yield "equal lists", [graphql("{ " + "items { nodes { owner { id } } } " * 100 + "}")]
    yield (
        "conflicting fields",
        [graphql("{ me { " + " ".join(f"a: {'id' if n % 2 else 'name'}" for n in range(300)) + "} }")],
    )
    yield "directives in a row", [graphql("{ me { id " + "@include(if: true) " * 300 + "} }")]
    yield "unknown directives", [graphql("{ me { id " + " ".join(f"@d{n}" for n in range(400)) + "} }")]
    yield "unknown arguments", [graphql("{ me { id(" + " ".join(f"a{n}: 1" for n in range(400)) + ") } }")]
    yield (
        "wrong enum values",
        [
            graphql(
                "query($f: ItemFilter) { items(filter: $f) { nodes { id } } }",
                {"filter": 1, "f": {"status": ["X"] * 140_000}},
            )
        ],
    )
    yield (
        "wrong enum values by nobody",
        [
            graphql(
                "query($f: ItemFilter) { items(filter: $f) { nodes { id } } }",
                {"f": {"status": ["X"] * 140_000}},
                signed_in=False,
            )
        ],
    )
    yield (
        "wrong enum values as literals",
        [graphql("{ items(filter: {status: [" + "NO " * 900 + "]}) { nodes { id } } }")],
    )
    yield "wrong tags", [graphql(document, {"input": {"title": "t", "tags": [1] * 330_000}})]
    yield "wrong tags by nobody", [graphql(document, {"input": {"title": "t", "tags": [1] * 330_000}}, signed_in=False)]
    yield "long lists of right tags", [graphql(document, {"input": {"title": "t", "tags": ["a"] * 200_000}})]
    yield "unknown input fields", [graphql(document, {"input": {"title": "t"} | {f"f{n}": 1 for n in range(70_000)}})]
    yield (
        "unknown input fields by nobody",
        [graphql(document, {"input": {f"f{n}": 1 for n in range(70_000)}}, signed_in=False)],
    )
    yield "unknown variables", [graphql("{ me { id } }", {f"v{n}": n for n in range(70_000)})]
    yield "deep objects", [graphql(document, {"input": {"title": "t", "fields": _deep(300)}})]
    yield "wide objects", [graphql(document, {"input": {"title": "t", "fields": {f"k{n}": n for n in range(70_000)}}})]
    yield (
        "a variable where many lists fail",
        [
            graphql("query($n: Int) { items(first: 98) { nodes { messages(first: $n) { nodes { id } } } } }", {"n": n})
            for n in (0, -1, 101, 2**31, 10**30, 1.5, "1", True)
        ],
    )


def _sizes() -> Iterator[Attack]:
    for size in ("0", "-1", "101", "9" * 400, "1.5", '"1"', "[1]", "{a: 1}", "ONE", "$absent"):
        yield f"first: {size[:10]}", [graphql(f"{{ items(first: {size}) {{ nodes {{ id }} }} }}")]
    yield (
        "a default beyond all limits",
        [graphql(f"query($n: Int = {'9' * 400}) {{ items(first: $n) {{ nodes {{ id }} }} }}")],
    )
    yield "a default of null", [graphql("query($n: Int = null) { items(first: $n, last: $n) { nodes { id } } }")]
    yield (
        "numbers that are none",
        [
            graphql("query($n: Int) { items(first: $n) { nodes { id } } }", {"n": n})
            for n in (float("nan"), float("inf"), 1e300, 10**3000)
        ],
    )
    yield (
        "an absent key",
        [graphql('mutation($n: Int) { createItem(input: {title: "t", fields: {bed: $n}}) { id fields } }')],
    )
    yield (
        "cursors",
        [
            graphql("query($c: String) { items(after: $c) { nodes { id } } }", {"c": c})
            for c in ("", "x", "=" * 1000, "A" * 500_000, "\ud800", "W1tbW1tb" * 5000, "é")
        ],
    )
    yield (
        "searching",
        [
            graphql(
                "{"
                + " ".join(
                    f's{n}: items(filter: {{text: "{t}"}}) {{ totalCount }}' for n, t in enumerate("xyzabcdefghij%_\\")
                )
                + "}"
            )
        ],
    )


def _introspection() -> Iterator[Attack]:
    whole = get_introspection_query(descriptions=True)
    deep = "{ __schema { types { " + "fields { type { " * 9 + "name" + " } }" * 9 + " } } }"
    yield "nested introspection", [graphql(deep), graphql(deep, signed_in=False)]
    thirty = "{ __schema { types { " + "fields { type { " * 30 + "name" + " } }" * 30 + " } } }"
    yield "introspection thirty deep", [graphql(thirty), graphql(thirty, signed_in=False)]
    yield (
        "introspection many times",
        [
            graphql(
                "{ "
                + " ".join(
                    f"s{n}: __schema {{ types {{ name description fields {{ name description args {{ name description type {{ name }} }} }} }} }}"
                    for n in range(20)
                )
                + " }"
            )
        ],
    )
    yield (
        "types many times",
        [
            graphql(
                "{ "
                + " ".join(
                    f't{n}: __type(name: "Item") {{ fields {{ type {{ fields {{ type {{ name }} }} }} }} }}'
                    for n in range(25)
                )
                + " }"
            )
        ],
    )
    yield (
        "possible types of possible types",
        [graphql("{ __schema { types { " + "possibleTypes { interfaces { " * 5 + "name" + " } }" * 5 + " } } }")],
    )
    yield "the usual introspection, by nobody", [graphql(whole, signed_in=False)] * 5


def _deep(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return value
