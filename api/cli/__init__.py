"""The `twofold` command, one file per subject."""

import gc

# What is imported stays: looking through it for garbage again and again, as it grows, was a tenth of a start.
gc.disable()
from api.cli.command import main  # noqa: E402 - see above

gc.enable()

__all__ = ["main"]
