"""What the store holds, and the jobs that erase it."""

from uuid import uuid4

from fastapi import FastAPI

from api.core.files.store import Key
from api.schemas.jobs import EraseBytes
from api.server.working import tools_of
from api.services.jobs import enqueue
from api.services.work.erasing import erase_bytes
from db.unit_of_work import UnitOfWork
from tests.doors.rows import JOBS, take_rows


async def stored(app: FastAPI) -> list[Key]:
    """Return what the store holds."""
    return [one.key async for page in app.state.file_rules.store.list() for one in page]


class Promises:
    """The jobs about bytes that were promised, to be done when a test says so."""

    def __init__(self) -> None:
        self.works: list[EraseBytes] = []

    async def note(self, uow: UnitOfWork, work: EraseBytes) -> None:
        """Promise a job as a service does, and remember it."""
        await enqueue(uow, work)
        self.works.append(work)

    async def keep(self, app: FastAPI) -> None:
        """Do the jobs, as a worker would."""
        tools = tools_of(app.state.settings, app.state.database)
        jobs = (await take_rows(app))[JOBS]
        assert len(jobs) >= len(self.works)
        while self.works:
            # Twice is as once.
            for _ in range(2):
                await erase_bytes(tools, uuid4(), self.works[0])
            del self.works[0]
