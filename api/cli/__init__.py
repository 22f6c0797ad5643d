"""The `twofold` command, one file per subject."""

from api.cli.command import main

__all__ = ["main"]
