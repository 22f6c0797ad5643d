"""The secrets of webhooks, by which a receiver knows that it is told by this installation.

A secret is made from the webhook's id, so that the database holds none, and a copy of it signs nothing.
"""

import base64
import hashlib
import hmac
from uuid import UUID

PREFIX = "whsec_"


class WebhookSecrets:
    """Makes secrets with one secret. Another one of these changes all of those."""

    def __init__(self, secret: str) -> None:
        # A key of its own, so that no value which is made elsewhere can ever be one of these.
        self._key = hashlib.blake2b(secret.encode(), digest_size=32, person=b"webhooks").digest()

    def of(self, webhook_id: UUID) -> str:
        """Return the secret of a webhook: 256 bits, spelled as Standard Webhooks has it."""
        return PREFIX + base64.b64encode(hmac.digest(self._key, webhook_id.bytes, "sha256")).decode()
