"""The tenant's audit chain."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from jobforge.adapters.postgres.database import Connection
from jobforge.adapters.postgres.queries import load_queries
from jobforge.adapters.postgres.rows import to_record
from jobforge.adapters.postgres.webhooks import tell
from jobforge.core.audit import AuditEntry, CheckpointKind, body_digest, canonical_details
from jobforge.core.errors import Missing
from jobforge.ports.records import AuditFilter, AuditHead, AuditRecord

if TYPE_CHECKING:
    import asyncpg

QUERIES = load_queries("audit_events")
PAGE_SIZE = 5_000


class AuditRows:
    """`AuditTable` in PostgreSQL."""

    def __init__(self, connection: Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id
        self.appended: AuditHead | None = None

    async def append(self, entries: Sequence[AuditEntry]) -> AuditHead:
        """Append one block; the chain stays locked until the transaction ends.

        Endpoints that want to know of an entry are told in the same transaction.
        """
        row = await self._connection.fetchrow(
            QUERIES.append,
            self._tenant_id,
            [entry.at for entry in entries],
            [entry.actor for entry in entries],
            [entry.event for entry in entries],
            [entry.subject for entry in entries],
            [canonical_details(entry) for entry in entries],
            [body_digest(entry) for entry in entries],
        )
        self.appended = _to_head(row)
        await tell(self._connection, entries)
        return self.appended

    async def head(self) -> AuditHead:
        """Where the chain ends."""
        row = await self._connection.fetchrow(QUERIES.head, self._tenant_id)
        return _to_head(row)

    async def entries(self, *, after: int = 0) -> AsyncIterator[AuditRecord]:
        """The entries in order, in pages."""
        while True:
            rows = await self._connection.fetch(QUERIES.page, self._tenant_id, after, PAGE_SIZE)
            for row in rows:
                yield to_record(AuditRecord, row)
            if len(rows) < PAGE_SIZE:
                return
            after = rows[-1]["seq"]

    async def older(self, before: int, limit: int, wanted: AuditFilter) -> tuple[AuditRecord, ...]:
        """Those before a number that a filter finds, the newest first."""
        rows = await self._connection.fetch(
            QUERIES.older,
            self._tenant_id,
            before,
            limit,
            wanted.event,
            wanted.actor,
            wanted.subject,
        )
        return tuple(to_record(AuditRecord, row) for row in rows)

    async def page(self, after: int, limit: int) -> tuple[AuditRecord, ...]:
        """Those after a number, in order."""
        rows = await self._connection.fetch(QUERIES.page, self._tenant_id, after, limit)
        return tuple(to_record(AuditRecord, row) for row in rows)

    async def newest(self, limit: int) -> tuple[AuditRecord, ...]:
        """The newest first."""
        rows = await self._connection.fetch(QUERIES.newest, self._tenant_id, limit)
        return tuple(to_record(AuditRecord, row) for row in rows)

    async def add_checkpoint(self, seq: int, signed: str, kind: CheckpointKind) -> None:
        """Keep a signed checkpoint."""
        await self._connection.execute(QUERIES.add_checkpoint, self._tenant_id, seq, signed, kind)

    async def checkpoints(self) -> tuple[str, ...]:
        """The signed checkpoints, oldest first."""
        rows = await self._connection.fetch(QUERIES.list_checkpoints, self._tenant_id)
        return tuple(row["signed"] for row in rows)


def _to_head(row: asyncpg.Record | None) -> AuditHead:
    if row is None:
        raise Missing("the tenant has no audit chain")
    return to_record(AuditHead, row)
