"""GraphQL types made from the Pydantic schemas of the REST door: one name, one description, one rule.

An output type takes its plain fields from a schema, and its resolvers hand out database rows: a
plain field is the row's attribute of that name. An input type takes its fields from a schema too,
and `to_model` validates what came in with that very schema, so both doors refuse the same things
with the same paths. A field that was not sent stays unset, which null is not.
"""

import inspect
from collections.abc import Callable, Mapping
from datetime import datetime
from types import UnionType
from typing import Annotated, Any, Generic, Literal, TypeVar, Union, get_args, get_origin

import strawberry
from pydantic import MISSING, AwareDatetime, BaseModel, EmailStr, SecretStr
from strawberry.scalars import JSON

from api.schemas.types import Input, Letters

M = TypeVar("M", bound=Input)
C = TypeVar("C", bound=type)

_PLAIN: Mapping[Any, Any] = {AwareDatetime: datetime, EmailStr: str, SecretStr: str}


class ModelInput(Generic[M]):
    """The base of input types; the decorator `from_input` fills it."""

    _model: type[M]

    def to_model(self) -> M:
        """Return the validated model.

        Raises:
            AppError: VALIDATION_ERROR with the paths that REST would name.
        """
        return self._model.read(self.sent())

    def sent(self) -> dict[str, Any]:
        """Return the fields that the client sent."""
        values = {name: getattr(self, name) for name in self._model.model_fields}
        return {name: value for name, value in values.items() if value is not strawberry.UNSET}


def model_or(given: ModelInput[M] | None, default: type[M]) -> M:
    """Return what was sent as a model, or the model with nothing sent."""
    return given.to_model() if given else default()


def from_output(model: type[BaseModel], *, types: Mapping[str, Any] | None = None) -> Callable[[C], C]:
    """Make the decorated class a GraphQL type with the fields of an output schema.

    Args:
        model: the schema.
        types: GraphQL types for fields whose type here is not the schema's.
    """

    def decorate(cls: C) -> C:
        for field_name, field in model.model_fields.items():
            annotation = (types or {}).get(field_name, plain(field.annotation))
            long = next(({"letters": mark.most} for mark in field.metadata if isinstance(mark, Letters)), None)
            _add(cls, field_name, annotation, strawberry.field(description=field.description, metadata=long))
        return strawberry.type(cls, description=_summary(cls))

    return decorate


def from_input(model: type[Input], *, types: Mapping[str, Any] | None = None) -> Callable[[C], C]:
    """Make the decorated class a GraphQL input with the fields of an input schema; `types` as in `from_output`."""

    def decorate(cls: C) -> C:
        cls._model = model  # type: ignore[attr-defined]  # declared by ModelInput
        for name, field in model.model_fields.items():
            annotation = (types or {}).get(name, plain(field.annotation))
            if field.is_required():
                _add(cls, name, annotation, strawberry.field(description=field.description))
            else:
                optional = strawberry.field(description=field.description, default=strawberry.UNSET)
                _add(cls, name, annotation | None, optional)
        return strawberry.input(cls, description=_summary(cls))

    return decorate


def plain(annotation: Any) -> Any:
    """Return a Pydantic annotation without its constraints, as GraphQL knows it."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return plain(get_args(annotation)[0])
    if origin in (Union, UnionType):
        # A literal is REST's word for what null says here.
        kinds = [
            plain(kind) for kind in get_args(annotation) if kind is not MISSING and get_origin(kind) is not Literal
        ]
        return Union[tuple(kinds)]  # noqa: UP007 - made from a list
    if origin is list:
        return list[plain(get_args(annotation)[0])]  # type: ignore[misc]  # made at run time
    if origin is dict:
        return JSON
    return _PLAIN.get(annotation, annotation)


def _add(cls: type, name: str, annotation: Any, value: Any) -> None:
    cls.__annotations__ = {**inspect.get_annotations(cls), name: annotation}
    setattr(cls, name, value)


def _summary(cls: type) -> str:
    return (cls.__doc__ or "").strip()
