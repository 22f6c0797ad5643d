"""Media types: what a body calls itself, and what a client would rather have."""

import re
from dataclasses import dataclass

JSON = "application/json"
EVENT_STREAM = "text/event-stream"
HTML = "text/html"

_WEIGHT = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")


def is_json(content_type: str | None) -> bool:
    """Return whether a `Content-Type` says JSON: in any case, with any parameters (RFC 9110, section 8.3.1)."""
    return (content_type or "").partition(";")[0].strip().lower() == JSON


@dataclass(frozen=True)
class Preference:
    """How much a client wants a media type."""

    weight: float
    # The place of what accepts it in the header.
    place: int
    # False if only `*/*` covers it, or there is no header at all.
    is_named: bool


class Accepted:
    """An `Accept` header (RFC 9110, section 12.5.1). Without one, everything is accepted."""

    def __init__(self, header: str | None) -> None:
        parts = [part for part in (header or "").split(",") if part.strip()]
        self._ranges = [_read(part) for part in parts] or [("*/*", 1.0)]

    def preference(self, media_type: str) -> Preference | None:
        """Return what the most specific range that covers the media type says; None if it is not accepted."""
        for pattern in (media_type, media_type.partition("/")[0] + "/*", "*/*"):
            for place, (name, weight) in enumerate(self._ranges):
                if name == pattern:
                    return Preference(weight, place, pattern != "*/*") if weight else None
        return None

    def best(self, *offers: str) -> str | None:
        """Return the offer that the client wants most: by weight, then by its order, then by that of the offers."""
        wanted = [(preference, offer) for offer in offers if (preference := self.preference(offer))]
        return min(wanted, key=lambda pair: (-pair[0].weight, pair[0].place))[1] if wanted else None

    def names(self, media_type: str) -> bool:
        """Return whether the client accepts the media type, and not only because it accepts everything."""
        preference = self.preference(media_type)
        return preference is not None and preference.is_named


def _read(part: str) -> tuple[str, float]:
    """Return a range and its weight; a weight that is none is 1. Other parameters tell nothing apart here."""
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q" and _WEIGHT.fullmatch(value.strip()):
            return name, float(value)
    return name, 1.0
