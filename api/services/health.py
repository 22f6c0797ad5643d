"""Is the process alive, and could it serve a request?"""

from api.core.actor import Actor
from api.schemas.health import Health, Ready
from api.services.live.hub import Hub
from db.repositories import users
from db.unit_of_work import ReadUnit


async def get_health(_actor: Actor) -> Health:
    """Return a sign of life; nothing is looked at."""
    return Health()


async def get_ready(uow: ReadUnit, _actor: Actor, hub: Hub) -> Ready:
    """Return a sign of life after reading from the database.

    Raises:
        DatabaseUnavailableError: it does not answer.
    """
    await users.any_exists(uow.session)
    return Ready(wake_ups=hub.bus.state)
