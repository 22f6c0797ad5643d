"""Twofold, which pulls its own plug at the step of a sign-up or an invitation that `DIE` names."""

import os
import signal
from typing import Any

from api import cli
from api.services import invitations, jobs, users
from db.session import WriteSession

_enqueue, _commit = jobs.enqueue, WriteSession.commit
_promised: set[WriteSession] = set()


def die_at(step: str) -> None:
    if os.environ["DIE"] == step:
        os.kill(os.getpid(), signal.SIGKILL)


async def enqueue(uow: Any, work: Any, **more: Any) -> None:
    die_at("before the promise")
    await _enqueue(uow, work, **more)
    _promised.add(uow.session)
    die_at("before the commit")


async def commit(session: Any) -> None:
    await _commit(session)
    if session in _promised:
        die_at("after the commit")


if __name__ == "__main__":
    users.enqueue = enqueue  # type: ignore[attr-defined]  # it only uses it
    invitations.enqueue = enqueue  # type: ignore[attr-defined]  # as above
    WriteSession.commit = commit  # type: ignore[assignment,method-assign]
    cli.main()
