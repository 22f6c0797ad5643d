"""Finding text in items, by an index where there is one.

What an item must fulfil is always that its folded text contains the folded words (`ItemCriteria`). The
index only says which items may, and nothing that it does not say is lost: a text contains another only if
it contains all of that one's trigrams. On PostgreSQL the planner does all this by itself.
"""

from typing import Any

from sqlalchemy import ColumnElement, and_, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

from db.models import Item
from db.models.items import fold
from db.models.search import INDEX

MOST_TRIGRAMS = 32
"""So many are looked up. More would hardly find less."""

FEW = 1000
"""Up to so many items the index is worth its while; if it finds more, the texts are read one by one."""


class _MayContain(GenericFunction[bool]):
    """Whether an item is among those that the index finds; true if it finds too many, or there is no index."""

    name = "may_contain"
    inherit_cache = True


@compiles(_MayContain, "sqlite")
def _ask_fts5(element: _MayContain, compiler: SQLCompiler, **options: Any) -> str:
    item_id, query = element.clauses
    found = f"SELECT rowid FROM {INDEX} WHERE {INDEX} MATCH {compiler.process(query, **options)}"  # noqa: S608 - names of ours
    again = f"SELECT rowid FROM {INDEX} WHERE {INDEX} MATCH {compiler.process(query, **options)}"  # noqa: S608 - as above
    return (
        f"CASE WHEN (SELECT count(*) FROM ({found} LIMIT {FEW + 1})) > {FEW} THEN 1 "  # noqa: S608 - as above
        f"ELSE {compiler.process(item_id, **options)} IN "
        f"(SELECT item_id FROM {INDEX}_rows WHERE number IN ({again})) END"
    )


@compiles(_MayContain, "postgresql")
def _let_the_planner_ask(_element: _MayContain, _compiler: SQLCompiler, **_options: Any) -> str:
    return "true"


def contains(text: str) -> ColumnElement[bool]:
    """Return the condition that title or description contain the text, in any case of letters."""
    wanted = fold(text)
    decides = Item.search_text.contains(wanted, autoescape=True)
    found = trigrams(wanted)
    if not found:
        # Texts of one or two characters have no trigram: every item of the workspace is looked at.
        return decides
    query = " ".join('"{}"'.format(trigram.replace('"', '""')) for trigram in found)
    return and_(_MayContain(Item.id, literal(query)), decides)


def trigrams(text: str) -> list[str]:
    """Return the distinct pieces of three characters, if there are many only some from all over the text."""
    distinct = list(dict.fromkeys(text[start : start + 3] for start in range(len(text) - 2)))
    return distinct[:: -(-len(distinct) // MOST_TRIGRAMS)] if distinct else []
