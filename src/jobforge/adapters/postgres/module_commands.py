"""Registered module commands."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from jobforge.adapters.postgres.database import Connection
from jobforge.adapters.postgres.queries import load_queries
from jobforge.adapters.postgres.rows import to_record
from jobforge.core.errors import AlreadyExists
from jobforge.ports.starting import ModuleCommand

QUERIES = load_queries("module_commands")


class ModuleRows:
    """`ModuleTable` in PostgreSQL."""

    def __init__(self, connection: Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def insert(self, command: ModuleCommand) -> None:
        """Register one."""
        try:
            await self._connection.execute(
                QUERIES.insert_module_command,
                self._tenant_id,
                command.name,
                list(command.words),
                list(command.variables),
                command.timeout_seconds,
                command.max_output_bytes,
                command.created_by,
                command.created_at,
            )
        except asyncpg.UniqueViolationError:
            raise AlreadyExists(
                f"there is a module command called {command.name} already",
                hint=f"jobforge module remove {command.name} makes room for a new one",
            ) from None

    async def find(self, name: str) -> ModuleCommand | None:
        """The command of this name."""
        row = await self._connection.fetchrow(QUERIES.find_module_command, self._tenant_id, name)
        return None if row is None else to_record(ModuleCommand, row)

    async def all(self) -> tuple[ModuleCommand, ...]:
        """Every command, by name."""
        rows = await self._connection.fetch(QUERIES.list_module_commands, self._tenant_id)
        return tuple(to_record(ModuleCommand, row) for row in rows)

    async def remove(self, name: str) -> bool:
        """Forget one."""
        row = await self._connection.fetchrow(QUERIES.remove_module_command, self._tenant_id, name)
        return row is not None
