"""Health."""

from typing import Annotated, Literal

from pydantic import Field

from api.schemas.types import Output


class Health(Output):
    """A sign of life."""

    status: Annotated[Literal["healthy"], Field(description="Always `healthy`; trouble is answered by 503.")] = (
        "healthy"
    )


class Ready(Health):
    """A sign of life from the database, and how live updates travel."""

    wake_ups: Annotated[
        Literal["process", "redis", "beat"],
        Field(
            description="How other processes hear of changes: not at all (`process`), at once over Redis (`redis`), "
            "or at a slow beat, as Redis does not answer (`beat`). Nothing is lost in any case."
        ),
    ]
