"""API keys, by their hashes."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from jobforge.adapters.postgres.database import Connection
from jobforge.adapters.postgres.queries import load_queries
from jobforge.adapters.postgres.rows import to_record
from jobforge.ports.keys import KeyRecord, NewKey

QUERIES = load_queries("api_keys")


class KeyRows:
    """`KeyTable` in PostgreSQL."""

    def __init__(self, connection: Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def insert(self, key: NewKey) -> None:
        """Store one."""
        await self._connection.execute(
            QUERIES.insert_key,
            self._tenant_id,
            key.key_id,
            key.key_hash,
            key.owner,
            list(key.roles),
            key.project_id,
            key.created_by,
            key.created_at,
            key.expires_at,
            key.replaces,
        )

    async def find(self, key_id: str) -> KeyRecord | None:
        """The key of this public id."""
        row = await self._connection.fetchrow(QUERIES.find_key, self._tenant_id, key_id)
        return None if row is None else to_record(KeyRecord, row)

    async def all(self) -> tuple[KeyRecord, ...]:
        """Every key, the newest first."""
        rows = await self._connection.fetch(QUERIES.list_keys, self._tenant_id)
        return tuple(to_record(KeyRecord, row) for row in rows)

    async def note_use(self, key_id: str, at: datetime) -> None:
        """Note that it was used."""
        await self._connection.execute(QUERIES.note_key_use, self._tenant_id, key_id, at)

    async def revoke(self, key_id: str, at: datetime) -> bool:
        """Revoke it; False where it was revoked before, or there is none."""
        row = await self._connection.fetchrow(QUERIES.revoke_key, self._tenant_id, key_id, at)
        return row is not None

    async def shorten(self, key_id: str, until: datetime) -> None:
        """Let it end at this moment, if it would live longer."""
        await self._connection.execute(QUERIES.shorten_key, self._tenant_id, key_id, until)
