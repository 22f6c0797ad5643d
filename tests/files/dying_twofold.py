"""Twofold, which pulls its own plug at the step of an upload that `DIE` names."""

import os
import signal
from typing import Any

from api import cli
from api.services import bringing, upload_tickets


def die(*_args: Any, **_more: Any) -> None:
    """Be killed."""
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    match os.environ["DIE"]:
        case "before the commit":
            # The last thing but one that is done in its transaction.
            upload_tickets._erase_parts = die  # type: ignore[assignment]
        case "after the commit":
            # The first thing that is done behind it.
            bringing.erase_unused = die  # type: ignore[assignment,attr-defined]
        case "before a part counts":
            bringing._note_parts = die  # type: ignore[assignment]
    cli.main()
