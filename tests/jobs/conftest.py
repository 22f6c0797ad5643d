"""Fixtures: an application that does its jobs itself, with its two doors."""

import pytest
from fastapi import FastAPI

from tests.conftest import AppFactory


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for jobs more often than a server does: most of these tests wait for one."""
    monkeypatch.setattr("db.jobs.runner.POLL_SECONDS", 0.1)


@pytest.fixture
async def app(make_app: AppFactory) -> FastAPI:
    """The application, in place of the one that only promises jobs."""
    app: FastAPI = await make_app(jobs="here")
    return app
