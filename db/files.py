"""The file of a SQLite database, which holds accounts: readable by its owner alone."""

import contextlib
import os
from pathlib import Path

PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600


def make_folder(path: Path) -> None:
    """Make the folder of a database; one that is there stays as it is.

    Raises:
        OSError: it cannot be made.
    """
    path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)


def make_file(path: Path) -> None:
    """Make an empty database; SQLite gives its write-ahead log and shared memory the same mode.

    Raises:
        OSError: it cannot be made.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE))
