"""Webhooks: the tenant's endpoints, and what they are told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from jobforge.adapters.postgres.database import Connection
from jobforge.adapters.postgres.queries import load_queries
from jobforge.adapters.postgres.rows import to_record
from jobforge.contract.canonical import canonical_bytes
from jobforge.core.audit import AuditEntry
from jobforge.core.errors import AlreadyExists
from jobforge.core.webhook import OF_AUDIT
from jobforge.ports.webhooks import ClaimedDelivery, DeliveryEnd, DeliveryRecord, WebhookRecord

QUERIES = load_queries("webhooks")


class WebhookRows:
    """`WebhookTable` in PostgreSQL."""

    def __init__(self, connection: Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def insert(self, webhook: WebhookRecord) -> None:
        """Add one."""
        try:
            await self._connection.execute(
                QUERIES.insert_webhook,
                self._tenant_id,
                webhook.webhook_id,
                webhook.name,
                webhook.url,
                webhook.events,
                webhook.sealed,
                webhook.created_by,
                webhook.created_at,
            )
        except asyncpg.UniqueViolationError:
            raise AlreadyExists(
                f"there is a webhook called {webhook.name} already",
                hint=f"jobforge webhook remove {webhook.name} makes room for a new one",
            ) from None

    async def find(self, name: str) -> WebhookRecord | None:
        """The endpoint of this name."""
        row = await self._connection.fetchrow(QUERIES.find_webhook, self._tenant_id, name)
        return None if row is None else to_record(WebhookRecord, row)

    async def all(self) -> tuple[WebhookRecord, ...]:
        """Every endpoint, by name."""
        rows = await self._connection.fetch(QUERIES.list_webhooks, self._tenant_id)
        return tuple(to_record(WebhookRecord, row) for row in rows)

    async def reseal(self, webhook_id: UUID, sealed: bytes) -> None:
        """Put other secrets in place."""
        await self._connection.execute(QUERIES.reseal_webhook, self._tenant_id, webhook_id, sealed)

    async def remove(self, name: str) -> bool:
        """Forget one and all that was to be told it."""
        row = await self._connection.fetchrow(QUERIES.remove_webhook, self._tenant_id, name)
        return row is not None

    async def deliveries(self, webhook_id: UUID, limit: int) -> tuple[DeliveryRecord, ...]:
        """The newest first."""
        rows = await self._connection.fetch(
            QUERIES.newest_deliveries, self._tenant_id, webhook_id, limit
        )
        return tuple(to_record(DeliveryRecord, row) for row in rows)

    async def claim(
        self, delivery_id: UUID, now: datetime, until: datetime
    ) -> ClaimedDelivery | None:
        """Take one that is due; whoever comes second finds that it is not due any more."""
        row = await self._connection.fetchrow(
            QUERIES.claim_delivery, self._tenant_id, delivery_id, now, until
        )
        return None if row is None else to_record(ClaimedDelivery, row)

    async def settle(self, claimed: ClaimedDelivery, end: DeliveryEnd) -> None:
        """Note how the attempt went, unless a later one has begun."""
        await self._connection.execute(
            QUERIES.settle_delivery,
            self._tenant_id,
            claimed.delivery_id,
            claimed.attempts,
            end.state,
            end.next_at,
            end.delivered_at,
            end.answer,
        )

    async def replay(self, webhook_id: UUID, delivery_id: UUID, at: datetime) -> bool:
        """Deliver it anew."""
        row = await self._connection.fetchrow(
            QUERIES.replay_delivery, self._tenant_id, webhook_id, delivery_id, at
        )
        return row is not None

    async def prune(self, webhook_id: UUID, before: datetime) -> None:
        """Forget some of what was delivered before."""
        await self._connection.execute(
            QUERIES.prune_deliveries, self._tenant_id, webhook_id, before
        )


async def tell(connection: Connection, entries: Sequence[AuditEntry]) -> None:
    """Note what endpoints are to be told of these entries, in their transaction."""
    told = [entry for entry in entries if entry.event in OF_AUDIT]
    if not told:
        return
    await connection.execute(
        QUERIES.tell_webhooks,
        [OF_AUDIT[entry.event] for entry in told],
        [entry.subject for entry in told],
        [entry.at for entry in told],
        [_content(entry) for entry in told],
    )


def _content(entry: AuditEntry) -> str:
    said = {"audit_event": entry.event, "actor": entry.actor, "details": dict(entry.details)}
    return canonical_bytes(said).decode()
