"""What somebody calls with, in words of ours: what a client says of itself may be anything, and is not for letters."""

import re
from collections.abc import Sequence

# In this order: most browsers also claim to be others.
_PROGRAMS: Sequence[tuple[str, str]] = (
    (r"\bEdgA?(iOS)?/", "Edge"),
    (r"\bOPR/", "Opera"),
    (r"\b(Firefox|FxiOS)/", "Firefox"),
    (r"\b(Chrome|CriOS|Chromium)/", "Chrome"),
    (r"\bVersion/\S+ (Mobile/\S+ )?Safari/", "Safari"),
    (r"\bcurl/", "curl"),
    (r"\b(python|Python)", "a Python program"),
    (r"\b(okhttp|Dart|CFNetwork)\b", "an app"),
)
_SYSTEMS: Sequence[tuple[str, str]] = (
    (r"\b(iPhone|iPad|iOS)\b", "iOS"),
    (r"\bAndroid\b", "Android"),
    (r"\bWindows\b", "Windows"),
    (r"\b(Macintosh|Mac OS X|Darwin)\b", "macOS"),
    (r"\bCrOS\b", "ChromeOS"),
    (r"\bLinux\b", "Linux"),
)


def device_in_words(told: str | None) -> str:
    """Return what a `User-Agent` means, such as `Firefox on Linux`, whatever its version."""
    program = _first(_PROGRAMS, told or "") or "another program"
    system = _first(_SYSTEMS, told or "")
    return f"{program} on {system}" if system else program


def _first(known: Sequence[tuple[str, str]], told: str) -> str | None:
    return next((name for pattern, name in known if re.search(pattern, told)), None)
