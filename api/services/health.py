"""Is the process alive, and could it serve a request?"""

from api.core.actor import Actor
from api.schemas.health import Health
from db.repositories import users
from db.unit_of_work import ReadUnit


async def get_health(_actor: Actor) -> Health:
    """Return a sign of life; nothing is looked at."""
    return Health()


async def get_ready(uow: ReadUnit, _actor: Actor) -> Health:
    """Return a sign of life after reading from the database.

    Raises:
        DatabaseUnavailableError: it does not answer.
    """
    await users.any_exists(uow.session)
    return Health()
