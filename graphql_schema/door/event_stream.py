"""GraphQL over Server-Sent Events, as lines that end with LF alone."""

from strawberry.http.streaming import SSETransport


class EventStream(SSETransport):
    """Strawberry's transport. It ends lines with CR and LF; the standard allows both, and not all clients read both."""

    def encode_event(self, event: str, data: str | None = None) -> str:
        """Return one event; JSON in one line is data in one line."""
        return f"event: {event}\ndata: {data or ''}\n\n"

    def encode_comment(self, comment: str) -> str:
        """Return a line that a client ignores."""
        return f": {comment}\n\n"
