"""Bundles that work which starts later refers to."""

from __future__ import annotations

from uuid import UUID

from jobforge.adapters.postgres.database import Connection
from jobforge.adapters.postgres.queries import load_queries
from jobforge.adapters.postgres.rows import to_record
from jobforge.ports.starting import StoredBundle

QUERIES = load_queries("stored_bundles")


class StoredBundleRows:
    """`StoredBundleTable` in PostgreSQL."""

    def __init__(self, connection: Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def insert(self, bundle: StoredBundle) -> None:
        """Store it, unless it is there already."""
        await self._connection.execute(
            QUERIES.insert_stored_bundle,
            self._tenant_id,
            bundle.digest,
            bundle.content,
            bundle.created_at,
        )

    async def find(self, digest: str) -> StoredBundle | None:
        """The bundle of this digest."""
        row = await self._connection.fetchrow(QUERIES.find_stored_bundle, self._tenant_id, digest)
        return None if row is None else to_record(StoredBundle, row)
