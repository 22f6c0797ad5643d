"""The committed descriptions of both doors are what the application generates."""

import json
from pathlib import Path

from api.config import Settings
from graphql_schema.schema import create_schema
from tests.test_parity import openapi

ROOT = Path(__file__).parent.parent


def test_the_openapi_snapshot_is_what_the_application_generates() -> None:
    generated = json.dumps(openapi(), indent=2, ensure_ascii=False) + "\n"
    assert (ROOT / "openapi.json").read_text() == generated


def test_the_graphql_snapshot_is_what_the_application_generates() -> None:
    generated = create_schema(Settings.model_construct()).as_str() + "\n"
    assert (ROOT / "graphql_schema" / "schema.graphql").read_text() == generated
