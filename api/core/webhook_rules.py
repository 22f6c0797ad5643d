"""What the services need to know to make webhooks."""

from dataclasses import dataclass

from api.core.webhook_secrets import WebhookSecrets
from api.core.webhook_targets import WebhookTargets


@dataclass(frozen=True)
class WebhookRules:
    """The installation's way with webhooks."""

    secrets: WebhookSecrets
    targets: WebhookTargets
