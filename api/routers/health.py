"""Health, outside `/api`."""

from fastapi import APIRouter

from api.core.actor import ANONYMOUS
from api.core.errors import ErrorCode
from api.dependencies import LiveHub, OwnRead
from api.problems import documented
from api.rest import operation_id
from api.schemas.health import Health, Ready
from api.services import health

router = APIRouter(tags=["service"], generate_unique_id_function=operation_id)


@router.get("/health")
async def get_health() -> Health:
    """Say that the process is alive. Nothing is looked at."""
    return await health.get_health(ANONYMOUS)


@router.get("/ready", responses=documented(ErrorCode.UNAVAILABLE))
async def get_ready(uow: OwnRead, hub: LiveHub) -> Ready:
    """Say that requests can be served: the database was asked and answered."""
    return await health.get_ready(uow, ANONYMOUS, hub)
