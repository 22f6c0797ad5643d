"""Fixtures for the tests of sign-in with a provider: the provider, and an installation that is its client."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI

from tests.clients.packages import PackageError, go_without
from tests.conftest import AppFactory
from tests.oidc.real_provider import RealProvider, real_provider


@pytest.fixture(scope="session")
def provider() -> Iterator[RealProvider]:
    """The provider, one for all tests of a process."""
    try:
        with real_provider() as running:
            yield running
    except PackageError as error:
        go_without(error)


@pytest.fixture
async def app(make_app: AppFactory, provider: RealProvider) -> FastAPI:
    """An application whose people may sign in with the provider."""
    app: FastAPI = await make_app(**provider.settings())
    return app
