"""Fixtures: an application that does its jobs itself, with its two doors."""

import pytest
from fastapi import FastAPI

from tests.conftest import AppFactory


@pytest.fixture
async def app(make_app: AppFactory) -> FastAPI:
    """The application, in place of the one that only promises jobs."""
    app: FastAPI = await make_app(jobs="here")
    return app
