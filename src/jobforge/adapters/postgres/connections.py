"""Named connections; their settings are sealed before they come here."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from jobforge.adapters.postgres.database import Connection
from jobforge.adapters.postgres.queries import load_queries
from jobforge.adapters.postgres.rows import to_record
from jobforge.core.errors import AlreadyExists
from jobforge.ports.records import ConnectionRecord

QUERIES = load_queries("connections")


class ConnectionRows:
    """`ConnectionTable` in PostgreSQL."""

    def __init__(self, connection: Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def insert(self, connection: ConnectionRecord) -> None:
        """Add one."""
        try:
            await self._connection.execute(
                QUERIES.insert_connection,
                self._tenant_id,
                connection.name,
                connection.kind,
                connection.sealed,
                connection.created_at,
            )
        except asyncpg.UniqueViolationError:
            raise AlreadyExists(
                f"there is a connection called {connection.name} already",
                hint=f"jobforge connection remove {connection.name} makes room for a new one",
            ) from None

    async def find(self, name: str) -> ConnectionRecord | None:
        """The connection of this name."""
        row = await self._connection.fetchrow(QUERIES.find_connection, self._tenant_id, name)
        return None if row is None else to_record(ConnectionRecord, row)

    async def all(self) -> tuple[ConnectionRecord, ...]:
        """Every connection, by name."""
        rows = await self._connection.fetch(QUERIES.list_connections, self._tenant_id)
        return tuple(to_record(ConnectionRecord, row) for row in rows)

    async def remove(self, name: str) -> bool:
        """Forget one."""
        row = await self._connection.fetchrow(QUERIES.remove_connection, self._tenant_id, name)
        return row is not None
