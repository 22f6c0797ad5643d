"""What answers cost: every object and every leaf counts as one, and a long text as several."""

from functools import cache
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from api.schemas.types import Letters

LETTERS_PER_POINT = 4000
"""So many letters of a text that may be long cost as much as one field."""

PLAIN_LIST = 4
"""What a list of plain values, such as tags, costs more than one of them."""


def price_of_leaf(letters: int, *, is_list: bool) -> int:
    """Return the price of a plain value, or a list of them, which may have so many letters."""
    return 1 + letters // LETTERS_PER_POINT + (PLAIN_LIST if is_list else 0)


@cache
def price_of(model: Any, most: int = 1) -> int:
    """Return the price of an answer of this model, with so many entries in each of its lists of objects."""
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return 1
    return 1 + sum(_price_of_field(field.annotation, field.metadata, most) for field in model.model_fields.values())


def _price_of_field(annotation: Any, metadata: list[Any], most: int) -> int:
    if get_origin(annotation) is list:
        [entry] = get_args(annotation)
        if isinstance(entry, type) and issubclass(entry, BaseModel):
            return most * price_of(entry)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return price_of(annotation)
    letters = next((mark.most for mark in metadata if isinstance(mark, Letters)), 0)
    return price_of_leaf(letters, is_list=get_origin(annotation) is list)
