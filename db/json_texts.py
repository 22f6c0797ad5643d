"""Lists of texts as tables."""

from typing import Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction


class JsonTexts(GenericFunction[str]):
    """The elements of a JSON array as rows, by each database's own name for it."""

    name = "json_texts"
    inherit_cache = True


@compiles(JsonTexts, "sqlite")
def _sqlite_texts(element: JsonTexts, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(JsonTexts, "postgresql")
def _postgresql_texts(element: JsonTexts, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_array_elements_text({compiler.process(element.clauses, **options)})"
