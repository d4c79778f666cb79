"""A row of tenant acme in the tables of webhooks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from jobforge.ports.webhooks import WebhookRecord

if TYPE_CHECKING:
    from tests.application import Harness

WEBHOOK_ID, DELIVERY_ID = UUID(int=22), UUID(int=23)
_NOW = datetime(2026, 3, 1, tzinfo=UTC)

KNOWN: dict[str, dict[int, Any]] = {
    "find_webhook": {2: "chat"},
    "newest_deliveries": {2: WEBHOOK_ID, 3: 10},
}
"""By query: the parameters with which it finds these rows, by position."""

ACROSS = {"find_due_deliveries"}
SEEN = {
    ("webhook_deliveries", column) for column in ("tenant_id", "delivery_id", "state", "next_at")
}
"""Where to look for what is to be told."""


async def fill_webhooks(app: Harness) -> None:
    """An endpoint, and something that it is to be told."""
    record = WebhookRecord(WEBHOOK_ID, "chat", "https://x.example", (), b"", "ada", _NOW)
    async with app.app.storage.transaction(app.tenant.tenant_id) as unit:
        await unit.webhooks.insert(record)
    async with app.owner() as owner:
        await owner.execute(
            "INSERT INTO jobforge.webhook_deliveries "
            "(tenant_id, delivery_id, webhook_id, event, subject, happened_at, content) "
            "VALUES ($1, $2, $3, 'run.finished', 'run:1', $4, '{}')",
            app.tenant.tenant_id,
            DELIVERY_ID,
            WEBHOOK_ID,
            _NOW,
        )
