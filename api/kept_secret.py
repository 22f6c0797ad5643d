"""The secret of an installation whose settings name none: made once, and kept in the data folder."""

import os
import secrets
from pathlib import Path

from db.files import PRIVATE_FILE, PRIVATE_FOLDER


class SettingsError(Exception):
    """A setting is bad or missing; the message is one sentence that names it."""


def kept_secret(folder: Path) -> str:
    """Return the secret kept in the data folder; the first process to come makes it."""
    path = folder / "secret_key"
    try:
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        draft = folder / f"secret_key.{secrets.token_hex(8)}"
        if not path.exists():
            try:
                with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE), "w") as file:
                    file.write(secrets.token_urlsafe(48))
                # A link is made whole or not at all: no process ever reads half a secret.
                path.hardlink_to(draft)
            except FileExistsError:
                pass
            finally:
                draft.unlink(missing_ok=True)
        return path.read_text().strip()
    except OSError as error:
        problem = error.strerror or str(error)
        raise SettingsError(f"The folder in DATA_DIR, {folder}, cannot hold the secret key: {problem}.") from error
