"""The way in by SQL: database roles that are bound to a tenant, and what they handed in."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from jobforge.adapters.postgres.database import Connection
from jobforge.adapters.postgres.queries import load_queries
from jobforge.adapters.postgres.rows import to_record
from jobforge.core.errors import AlreadyExists, InvalidInput
from jobforge.ports.sql_way_in import IntakeRecord, SqlGrant

QUERIES = load_queries("sql_way_in")


class SqlGrantRows:
    """`SqlGrantTable` in PostgreSQL."""

    def __init__(self, connection: Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def insert(self, grant: SqlGrant) -> None:
        """Bind a role, and let it in."""
        try:
            await self._connection.execute(
                QUERIES.insert_sql_grant,
                self._tenant_id,
                grant.role_name,
                grant.project_id,
                grant.created_by,
                grant.created_at,
            )
            await self._connection.execute(QUERIES.let_role_in, grant.role_name)
        except asyncpg.UniqueViolationError:
            raise AlreadyExists(
                f"the role {grant.role_name} is bound to a tenant already",
                hint=f"jobforge sql revoke {grant.role_name} --tenant T",
            ) from None
        except (asyncpg.UndefinedObjectError, asyncpg.InvalidParameterValueError) as error:
            raise InvalidInput(
                f"{grant.role_name}: {error}", hint="--create makes one for this alone"
            ) from None

    async def all(self) -> tuple[SqlGrant, ...]:
        """Every role that is bound, by name."""
        rows = await self._connection.fetch(QUERIES.list_sql_grants, self._tenant_id)
        return tuple(to_record(SqlGrant, row) for row in rows)

    async def remove(self, role_name: str) -> bool:
        """Bind it no more, and keep it out."""
        row = await self._connection.fetchrow(QUERIES.remove_sql_grant, self._tenant_id, role_name)
        if row is None:
            return False
        await self._connection.execute(QUERIES.keep_role_out, role_name)
        return True


class IntakeRows:
    """`IntakeTable` in PostgreSQL."""

    def __init__(self, connection: Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def find(self, intake_id: UUID) -> IntakeRecord | None:
        """The bundle of this number."""
        row = await self._connection.fetchrow(QUERIES.find_intake, self._tenant_id, intake_id)
        return None if row is None else to_record(IntakeRecord, row)

    async def claim(self, intake_id: UUID) -> bool:
        """Take it off the queue, and forget it; who is second waits, and finds it gone."""
        row = await self._connection.fetchrow(QUERIES.claim_intake, self._tenant_id, intake_id)
        if row is None:
            return False
        await self._connection.execute(QUERIES.remove_intake, self._tenant_id, intake_id)
        return True
