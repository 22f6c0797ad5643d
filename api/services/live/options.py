"""How much the hub does at once, how often, and how much it keeps."""

from dataclasses import dataclass


@dataclass(frozen=True)
class HubOptions:
    """Beats in seconds; the bounds of each ring and of all of them; how much is read and worked at once.

    A stream whose client is slow holds a page of its own, so that one is short in letters, too.
    """

    beat: float = 5.0
    rights_beat: float = 0.5
    ring_entries: int = 1000
    ring_bytes: int = 8 * 1024 * 1024
    rings_bytes: int = 64 * 1024 * 1024
    page: int = 200
    page_letters: int = 512 * 1024
    stream_page: int = 25
    stream_letters: int = 128 * 1024
    # Streams, or logs, that one statement asks about.
    piece: int = 500
    # Pieces of work for streams, such as reading a page or executing an event: each takes one connection at most.
    turns: int = 3
    turns_per_user: int = 1
    streams_per_user: int = 200
    cost_per_user: int = 20_000
