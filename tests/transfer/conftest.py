"""What the tests of import and export share."""

import pytest
from fastapi import FastAPI

from db.engine import Database


@pytest.fixture
def database(app: FastAPI) -> Database:
    """The application's database."""
    database: Database = app.state.database
    return database
