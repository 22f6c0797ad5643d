"""Health."""

from typing import Annotated, Literal

from pydantic import Field

from api.schemas.types import Output


class Health(Output):
    """A sign of life."""

    status: Annotated[Literal["healthy"], Field(description="Always `healthy`; trouble is answered by 503.")] = (
        "healthy"
    )
