"""Doing jobs in this process: DBOS takes them from the queue, and one step of it is one attempt.

DBOS lives in threads of its own, with an event loop of its own: on ours it would make itself the executor of every
`to_thread`, and take that along when it ends. Only the handlers run on our loop.
"""

import asyncio
import random
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, cast
from uuid import UUID

from dbos import DBOS
from sqlalchemy import URL

from db.jobs import engine
from db.jobs.engine import APPLICATION, QUEUE, SERIALIZER, VERSION, in_thread
from db.jobs.errors import HopelessError
from db.models.jobs import ATTEMPT

Handler = Callable[[UUID, dict[str, Any]], Coroutine[Any, Any, None]]
"""`(job_id, arguments)`: does the work. It may be done again at any time, so twice must come to the same as once."""

JITTER = 0.25
"""A pause is longer or shorter by up to this share, so that what failed together is not tried together."""

MAX_BEGINNINGS = 20
"""So often may a worker die of a job, or with it, before nobody takes it up any more."""

FINISH_SECONDS = 3.0
"""How long a shutdown waits for the attempts that are under way."""

POLL_SECONDS = 1.0
"""How often to look for jobs."""

LOOK_SECONDS = 0.05
MAX_THREADS = 16


def spread(pause: float) -> float:
    """Return a pause with its jitter, in seconds."""
    return pause * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret


class JobRunner:
    """Does the jobs of a database. A process has one at a time, as it has one DBOS."""

    def __init__(
        self,
        url: URL,
        worker_id: str,
        handlers: Mapping[str, Handler],
        pauses: Sequence[float],
        *,
        at_once: int,
        apart: Collection[str] = (),
    ) -> None:
        self._engine = engine.job_engine(url)
        self._worker_id = worker_id
        self._handlers = handlers
        self._pauses = pauses
        # What takes no place of the others has none to wait for.
        self._places = asyncio.Semaphore(at_once)
        self._apart = apart
        self._loop = asyncio.get_running_loop()
        # Tasks of the other loop, from the beginning of an attempt until its outcome is written down.
        self._at_work: set[asyncio.Task[Any]] = set()
        self._closing = False

    async def start(self) -> None:
        """Begin to take jobs. Their handlers run on the present event loop.

        Raises:
            DatabaseError: the database does not answer.
        """
        await in_thread(self._launch)

    def _launch(self) -> None:
        engine.quieten()
        DBOS(
            config={
                "name": APPLICATION,
                "system_database_engine": self._engine,
                "serializer": SERIALIZER,
                "application_version": VERSION,
                "executor_id": self._worker_id,
                "log_level": "WARNING",
                # They are brought up to date with ours.
                "run_migrations": False,
                "use_listen_notify": False,
                "max_executor_threads": MAX_THREADS,
            }
        )
        for kind, handler in self._handlers.items():
            self._register(kind, handler)
        DBOS.launch()
        DBOS.register_queue(QUEUE, polling_interval_sec=POLL_SECONDS)

    def _register(self, kind: str, handler: Handler) -> None:
        place = nullcontext() if kind in self._apart else self._places

        async def attempt(job_id: UUID, arguments: dict[str, Any]) -> dict[str, Any]:
            return await asyncio.wrap_future(
                asyncio.run_coroutine_threadsafe(self._attempt(handler, place, job_id, arguments), self._loop)
            )

        async def run(arguments: dict[str, Any]) -> None:
            await self._run(attempt, UUID(DBOS.workflow_id), arguments)

        DBOS.workflow(name=kind, max_recovery_attempts=MAX_BEGINNINGS)(run)

    async def _run(
        self,
        attempt: Callable[[UUID, dict[str, Any]], Coroutine[Any, Any, dict[str, Any]]],
        job_id: UUID,
        arguments: dict[str, Any],
    ) -> None:
        """Try until it succeeds, or the pauses are used up. What happened is remembered, over restarts too."""
        task = cast("asyncio.Task[None]", asyncio.current_task())
        task.add_done_callback(self._at_work.discard)
        for pause in (*self._pauses, None):
            if not self._closing:
                self._at_work.add(task)
            outcome = await DBOS.run_step_async({"name": ATTEMPT}, attempt, job_id, arguments)
            if outcome["error"] is None:
                return
            if pause is None or outcome["hopeless"]:
                raise HopelessError(outcome["error"])
            self._at_work.discard(task)
            await DBOS.sleep_async(spread(pause))

    async def _attempt(
        self, handler: Handler, place: AbstractAsyncContextManager[None], job_id: UUID, arguments: dict[str, Any]
    ) -> dict[str, Any]:
        async with place:
            if self._closing:
                # It ends here with its task, and begins again with whoever takes it up next.
                await asyncio.Event().wait()
            try:
                await handler(job_id, arguments)
            except HopelessError as error:
                return {"error": str(error), "hopeless": True}
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                return {"error": f"{type(error).__name__}: {error}", "hopeless": False}
        return {"error": None, "hopeless": False}

    async def workers_with_jobs(self) -> set[str]:
        """Return the workers, gone ones too, that are doing jobs as far as the database knows."""
        running = await in_thread(lambda: DBOS.list_workflows(status="PENDING", load_input=False, load_output=False))
        return {one.executor_id for one in running if one.executor_id is not None}

    async def take_over(self, workers: set[str]) -> int:
        """Put the jobs of workers that are gone back into the queue, and return how many."""
        # It has no public name any more; all it does is one UPDATE for each job.
        handles = await in_thread(lambda: DBOS._recover_pending_workflows(sorted(workers)))  # noqa: SLF001
        return len(handles)

    async def stop(self) -> None:
        """Take up nothing more, let the attempts that are under way end, and leave everything else to others."""
        self._closing = True
        deadline = self._loop.time() + FINISH_SECONDS
        while self._at_work and self._loop.time() < deadline:  # noqa: ASYNC110 - they end on another loop
            await asyncio.sleep(LOOK_SECONDS)
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
        self._engine.dispose()
