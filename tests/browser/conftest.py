"""Fixtures for the tests in a browser."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page

from tests.browser.visit import Visit, chromium, visiting
from tests.live import LiveServer


@pytest.fixture
async def visit(live_server: LiveServer) -> AsyncIterator[Visit]:
    """A browser that is about to visit the live server."""
    async with visiting(live_server) as visit:
        yield visit


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """An empty page of a fresh browser."""
    async with chromium() as browser:
        yield await browser.new_page()
