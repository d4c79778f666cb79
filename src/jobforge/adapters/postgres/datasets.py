"""Registered datasets."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from jobforge.adapters.postgres.database import Connection
from jobforge.adapters.postgres.queries import load_queries
from jobforge.adapters.postgres.rows import to_record
from jobforge.core.errors import AlreadyExists
from jobforge.ports.records import DatasetRecord

QUERIES = load_queries("datasets")


class DatasetRows:
    """`DatasetTable` in PostgreSQL."""

    def __init__(self, connection: Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def insert(self, dataset: DatasetRecord) -> None:
        """Register one."""
        try:
            await self._connection.execute(
                QUERIES.insert_dataset,
                self._tenant_id,
                dataset.project_id,
                dataset.name,
                dataset.path,
                dataset.format,
                dataset.size,
                dataset.checksum,
                dataset.row_count,
                list(dataset.columns),
                dataset.created_at,
            )
        except asyncpg.UniqueViolationError:
            raise AlreadyExists(
                f"there is a dataset called {dataset.name} already",
                hint=f"jobforge data remove {dataset.name} makes room for a new one",
            ) from None

    async def find(self, name: str, project_id: UUID | None) -> DatasetRecord | None:
        """The project's dataset of this name, else the tenant's."""
        row = await self._connection.fetchrow(
            QUERIES.find_dataset, self._tenant_id, name, project_id
        )
        return None if row is None else to_record(DatasetRecord, row)

    async def all(self) -> tuple[DatasetRecord, ...]:
        """Every dataset, by name."""
        rows = await self._connection.fetch(QUERIES.list_datasets, self._tenant_id)
        return tuple(to_record(DatasetRecord, row) for row in rows)

    async def remove(self, name: str, project_id: UUID | None) -> bool:
        """Forget one."""
        row = await self._connection.fetchrow(
            QUERIES.remove_dataset, self._tenant_id, name, project_id
        )
        return row is not None
