"""Signs webhooks as Standard Webhooks wants it, by its own library."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from standardwebhooks import Webhook


def sign(
    message_id: str, at: datetime, body: bytes, secrets: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    """The headers of a message; one signature for each secret, so that either verifies it.

    Source: Standard Webhooks specification 1.0, "Webhook headers" and "Multiple signatures".
    """
    text = body.decode()
    signatures = [Webhook(secret).sign(message_id, at, text) for secret in secrets]
    return (
        ("webhook-id", message_id),
        ("webhook-timestamp", str(int(at.timestamp()))),
        ("webhook-signature", " ".join(signatures)),
    )
