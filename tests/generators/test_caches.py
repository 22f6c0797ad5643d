"""Relay and Apollo Client know things by their ids: what is read or edited anywhere is new everywhere."""

import json

from tests.generators.tools import Workshop
from tests.live import LiveServer


def test_relay(workshop: Workshop, server: LiveServer) -> None:
    scalars = {"DateTime": "string", "BigInt": "number", "JSON": "unknown"}
    config = {
        "src": ".",
        "schema": "schema.graphql",
        "language": "javascript",
        "excludes": ["**/node_modules/**", "**/__generated__/**"],
        "eagerEsModules": False,
        "artifactDirectory": "__generated__",
        "customScalarTypes": scalars,
    }
    (workshop.folder / "relay.config.json").write_text(json.dumps(config))
    made = workshop.folder / "__generated__"
    made.mkdir()
    (made / "package.json").write_text('{"type": "commonjs"}')
    workshop.take("board.js", "use_relay.js")
    workshop.script("relay-compiler", "cli.js")
    assert workshop.report(server, "node", "use_relay.js") == {
        "first": ["Axe", "Hoe"],
        "all": ["Axe", "Hoe", "Rake"],
        "renamed": ["Axe", "Mattock", "Rake"],
        "again": ["Adze", "Mattock", "Rake"],
        "owner": "Ada",
        "role": "ADMIN",
        "left": ["Mattock", "Rake"],
        "warnings": [],
    }


def test_apollo_client(workshop: Workshop, server: LiveServer) -> None:
    workshop.take("use_apollo.js")
    assert workshop.report(server, "node", "use_apollo.js") == {
        "shown": [
            ["Axe of Ada", "Hoe of Ada"],
            ["Adze of Ada", "Hoe of Ada"],
            ["Adze of Grace", "Hoe of Grace"],
        ],
        "members": [[True, "ADMIN", True]],
        "changes": 6,
    }
