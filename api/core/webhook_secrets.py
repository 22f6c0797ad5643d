"""The secrets of webhooks, by which a receiver knows that it is told by this installation.

A secret is made from the webhook's id, so that the database holds none, and a copy of it signs nothing.
"""

import base64
import hmac
from uuid import UUID

from api.core.derived_keys import derived_key

PREFIX = "whsec_"


class WebhookSecrets:
    """Makes secrets with one secret. Another one of these changes all of those."""

    def __init__(self, secret: str) -> None:
        self._key = derived_key(secret, b"webhooks")

    def of(self, webhook_id: UUID) -> str:
        """Return the secret of a webhook: 256 bits, spelled as Standard Webhooks has it."""
        return PREFIX + base64.b64encode(hmac.digest(self._key, webhook_id.bytes, "sha256")).decode()
