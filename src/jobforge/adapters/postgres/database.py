"""The database as the rest sees it: a pool of connections, and transactions of one tenant."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Self, TypeAlias
from uuid import UUID

import asyncpg

Connection: TypeAlias = (
    "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
)
Revive: TypeAlias = Callable[[], Awaitable[None]]


class Database:
    """A pool of connections to one database, as the application role."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        dsn: str,
        *,
        role: str | None = None,
        max_size: int = 10,
    ) -> AsyncIterator[Self]:
        """Connect to `dsn`; with `role`, every connection runs as that role.

        Raises:
            Unavailable: the server does not answer.
            SettingInvalid: the server refuses the user, the role or the database.
        """
        settings = {"role": role} if role else {}
        pool = asyncpg.create_pool(dsn, min_size=1, max_size=max_size, server_settings=settings)
        async with pool:
            yield cls(pool)

    @asynccontextmanager
    async def transaction(self, tenant_id: UUID) -> AsyncIterator[Connection]:
        """One transaction that sees this tenant's rows and no other.

        Raises:
            Unavailable: the server does not answer, or was lost before the commit was confirmed.
        """
        async with self.system_transaction() as connection:
            await connection.execute(
                "SELECT set_config('jobforge.tenant_id', $1, true)", str(tenant_id)
            )
            yield connection

    @asynccontextmanager
    async def system_transaction(self) -> AsyncIterator[Connection]:
        """One transaction of no tenant: it sees no tenant's rows.

        Raises:
            Unavailable: the server does not answer, or was lost before the commit was confirmed.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            yield connection
