"""Events as they came in."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from jobforge.adapters.postgres.database import Connection
from jobforge.adapters.postgres.queries import load_queries
from jobforge.adapters.postgres.rows import to_record
from jobforge.ports.events import EventRecord, EventState

QUERIES = load_queries("events")


class EventRows:
    """`EventTable` in PostgreSQL."""

    def __init__(self, connection: Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def insert(self, event: EventRecord) -> UUID:
        """Store it; the id of the very same event where that is there already."""
        row = await self._connection.fetchrow(
            QUERIES.insert_event,
            self._tenant_id,
            event.event_id,
            event.digest,
            event.envelope,
            event.event_type,
            event.source_module,
            event.severity,
            event.priority,
            event.trace_id,
            event.occurred_at,
            event.received_at,
        )
        if row is None:
            row = await self._connection.fetchrow(
                QUERIES.find_event_of_digest, self._tenant_id, event.digest
            )
        assert row is not None  # noqa: S101 (it was stored now, or before)
        return UUID(str(row["event_id"]))

    async def find(self, event_id: UUID) -> EventRecord | None:
        """The event of this id."""
        row = await self._connection.fetchrow(QUERIES.find_event, self._tenant_id, event_id)
        return None if row is None else to_record(EventRecord, row)

    async def newest(self, limit: int) -> tuple[EventRecord, ...]:
        """The newest first."""
        rows = await self._connection.fetch(QUERIES.newest_events, self._tenant_id, limit)
        return tuple(to_record(EventRecord, row) for row in rows)

    async def claim(
        self, event_id: UUID, state: EventState, at: datetime, reason: str | None = None
    ) -> bool:
        """Take it to judge it; who is second waits here, and then finds it judged."""
        row = await self._connection.fetchrow(
            QUERIES.claim_event, self._tenant_id, event_id, state, at, reason
        )
        return row is not None

    async def describe(self, event: EventRecord) -> bool:
        """Fill in what it says. False where the very same event is there already."""
        row = await self._connection.fetchrow(
            QUERIES.describe_event,
            self._tenant_id,
            event.event_id,
            event.digest,
            event.envelope,
            event.event_type,
            event.source_module,
            event.severity,
            event.priority,
            event.trace_id,
            event.occurred_at,
        )
        return row is not None

    async def hide(self, event_id: UUID) -> None:
        """Take its content away."""
        await self._connection.execute(QUERIES.hide_event, self._tenant_id, event_id)
