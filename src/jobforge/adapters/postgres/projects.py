"""The current tenant's projects."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from jobforge.adapters.postgres.database import Connection
from jobforge.adapters.postgres.queries import load_queries
from jobforge.adapters.postgres.rows import to_record
from jobforge.core.errors import AlreadyExists
from jobforge.ports.records import ProjectRecord

QUERIES = load_queries("projects")


class ProjectRows:
    """`ProjectTable` in PostgreSQL."""

    def __init__(self, connection: Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def insert(
        self, project_id: UUID, slug: str, name: str, aliases: Sequence[str], at: datetime
    ) -> None:
        """Create one with its aliases."""
        tenant = self._tenant_id
        try:
            await self._connection.execute(
                QUERIES.insert_project, tenant, project_id, slug, name, at
            )
            await self._connection.execute(
                QUERIES.insert_aliases, tenant, project_id, list(aliases)
            )
        except asyncpg.UniqueViolationError:
            raise AlreadyExists(
                f"the tenant has a project called {slug}, or one with such an alias, already"
            ) from None

    async def all(self) -> tuple[ProjectRecord, ...]:
        """Every project, by slug."""
        rows = await self._connection.fetch(QUERIES.list_projects, self._tenant_id)
        return tuple(to_record(ProjectRecord, row) for row in rows)
