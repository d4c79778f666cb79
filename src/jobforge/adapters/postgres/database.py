"""The database as the rest sees it: a pool of connections, and transactions of one tenant.

Values come as asyncpg gives them: `numeric` as `Decimal`, `timestamptz` as aware datetimes, `uuid`
as `UUID`, and `json` and `jsonb` as *text*. No codec parses the latter, so that each reader decides
how: `json` keeps every digit and blank it was given, `jsonb` every digit, and a float in between
would lose some.

Behind a pooler in transaction mode (PgBouncer) set `statement_cache_size=0`, unless it keeps
prepared statements itself; it must let the start-up parameters `role` and `search_path` through (a
session that does not run as the application's role is refused), and `listen` needs a direct URL.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Literal, Self, TypeAlias
from uuid import UUID

import asyncpg

from jobforge.adapters.postgres.access import APP_ROLE
from jobforge.adapters.postgres.connecting import (
    CONNECT_TIMEOUT_SECONDS,
    LOST,
    Connection,
    connect,
    is_closed,
    is_full,
    is_lost,
    server_settings,
    translated_errors,
    words_of_loss,
)
from jobforge.adapters.postgres.listener import Callback, Listener
from jobforge.core.errors import SettingInvalid, Unavailable

__all__ = ["Callback", "Connection", "Database", "Revive", "connect"]

Revive: TypeAlias = Callable[[], Awaitable[None]]
PooledConnection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

Isolation: TypeAlias = Literal["repeatable_read"]

_RECONNECT_SECONDS = 10.0
_ACQUIRE_SECONDS = 30.0
_CLOSE_SECONDS = 5.0
_FIRST_PAUSE_SECONDS, _LAST_PAUSE_SECONDS = 0.05, 1.0
_STATEMENT_CACHE_SIZE = 100

# Together one round trip: whatever an earlier user of the connection left behind is gone, and no
# transaction starts without saying whose it is, even if that is nobody's.
_START = """
    RESET ALL;
    BEGIN{mode};
    SELECT set_config('jobforge.tenant_id', '{tenant}', true)
"""
_MODES: dict[Isolation | None, str] = {
    None: "",
    "repeatable_read": " ISOLATION LEVEL REPEATABLE READ READ ONLY",
}
_CURRENT_ROLE = "SELECT current_user"


async def _nothing_to_revive() -> None:
    """A server of the user's starts by itself."""


class Database:
    """A pool of connections to one database, each as the application's role."""

    def __init__(
        self, pool: asyncpg.Pool[asyncpg.Record], listener: Listener, revive: Revive
    ) -> None:
        self._pool = pool
        self._listener = listener
        self._revive = revive

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        dsn: str,
        *,
        role: str | None = None,
        max_size: int = 10,
        statement_cache_size: int = _STATEMENT_CACHE_SIZE,
        revive: Revive = _nothing_to_revive,
    ) -> AsyncIterator[Self]:
        """Connect to `dsn`; close all connections at the end of the block.

        Args:
            dsn: the application's own URL, or the owner's together with `role`.
            role: what every session runs as from its first moment; resetting one returns to it.
            max_size: the most connections at a time, listening not counted.
            statement_cache_size: prepared statements kept for each connection; 0 for none.
            revive: called while the server does not answer; may start it again.

        Raises:
            Unavailable: the server does not answer.
            SettingInvalid: it refuses the user, the role or the database, or lets the session run
                as any other role than the application's.
        """
        pool = asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=max_size,
            init=_check_role,
            reset=_leave_as_it_is,
            timeout=CONNECT_TIMEOUT_SECONDS,
            statement_cache_size=statement_cache_size,
            server_settings=dict(server_settings(role)),
        )
        with translated_errors():
            await pool
        listener = Listener(lambda: connect(dsn, role=role), revive)
        try:
            yield cls(pool, listener, revive)
        finally:
            await listener.close()
            await _close_pool(pool)

    @property
    def pool(self) -> asyncpg.Pool[asyncpg.Record]:
        """The pool itself, for the queue: its tables are no tenant's."""
        return self._pool

    @asynccontextmanager
    async def transaction(self, tenant_id: UUID) -> AsyncIterator[Connection]:
        """One transaction that sees this tenant's rows and no other.

        Committed at the end of the block, rolled back where that raises.

        Raises:
            Unavailable: the server does not answer, or was lost before it confirmed the commit.
        """
        async with self._transaction(tenant_id) as connection:
            yield connection

    @asynccontextmanager
    async def snapshot(self, tenant_id: UUID) -> AsyncIterator[Connection]:
        """The same, to read only, and every query sees the one moment of the first.

        Raises:
            Unavailable: the server does not answer, or was lost meanwhile.
        """
        async with self._transaction(tenant_id, isolation="repeatable_read") as connection:
            yield connection

    @asynccontextmanager
    async def system_transaction(self) -> AsyncIterator[Connection]:
        """One transaction of no tenant: it sees no tenant's rows.

        Raises:
            Unavailable: the server does not answer, or was lost before it confirmed the commit.
        """
        async with self._transaction(None) as connection:
            yield connection

    async def call(self, query: str, *values: object) -> list[asyncpg.Record]:
        """One statement of no tenant, in one round trip: it is a transaction by itself.

        For functions that set the tenant themselves. Not repeated where the server is lost.

        Raises:
            Unavailable: the server does not answer, or was lost before it confirmed.
        """
        connection = await self._until_there(self._acquire)
        try:
            return list(await connection.fetch(query, *values))
        except BaseException as error:
            if is_lost(error, connection):
                raise Unavailable(
                    f"{words_of_loss(error)}; what was asked of it may be done or undone"
                ) from error
            raise
        finally:
            await self._pool.release(connection)

    def listen(self, channel: str, callback: Callback) -> AbstractAsyncContextManager[None]:
        """Call back with the payload of each notification while the block runs.

        After the connection was lost and made anew, and once at the start, `callback` gets None:
        whatever it watches may have changed unseen.

        Raises:
            Unavailable: the server does not answer when the block starts.
        """
        return self._listener.subscription(channel, callback)

    @asynccontextmanager
    async def _transaction(
        self, tenant_id: UUID | None, isolation: Isolation | None = None
    ) -> AsyncIterator[Connection]:
        # Nothing has been done in it yet, so starting may be repeated until the server is back.
        connection = await self._until_there(lambda: self._begin(tenant_id, isolation))
        try:
            async with _kept(connection):
                yield connection
        finally:
            await self._release(connection)

    async def _release(self, connection: PooledConnection) -> None:
        """Give it back; one that was lost in the midst of something is closed, and no more.

        Whether the transaction was kept is known by then.
        """
        with suppress(*LOST, asyncpg.InterfaceError):
            await self._pool.release(connection)

    async def _until_there(
        self, attempt: Callable[[], Awaitable[PooledConnection]]
    ) -> PooledConnection:
        """Try again, on a new connection if the old ones are dead, until the server is back."""
        deadline = time.monotonic() + _RECONNECT_SECONDS
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return await attempt()
            except Unavailable:
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LAST_PAUSE_SECONDS)
            await self._revive()

    async def _acquire(self) -> PooledConnection:
        with translated_errors():
            return await self._pool.acquire(timeout=_ACQUIRE_SECONDS)

    async def _begin(self, tenant_id: UUID | None, isolation: Isolation | None) -> PooledConnection:
        connection = await self._acquire()
        tenant = "" if tenant_id is None else str(tenant_id)
        try:
            await connection.execute(_START.format(mode=_MODES[isolation], tenant=tenant))
        except BaseException as error:
            lost = is_lost(error, connection)
            await self._release(connection)
            if lost:
                raise Unavailable("the database does not answer") from error
            raise
        return connection


@asynccontextmanager
async def _kept(connection: Connection) -> AsyncIterator[None]:
    """Commit at the end of the block, or roll back; say so where the server is lost."""
    try:
        yield
    except BaseException as error:
        lost = is_lost(error, connection)
        # A server without room still listens, and the connection is good for the next transaction.
        if not is_closed(connection) and (is_full(error) or not lost):
            await connection.execute("ROLLBACK")
        if lost:
            raise Unavailable(f"{words_of_loss(error)}; the transaction is undone") from error
        raise
    try:
        await connection.execute("COMMIT")
    except (*LOST, asyncpg.InterfaceError) as error:
        raise Unavailable(
            "the database was lost while it committed; the transaction may be done or undone"
        ) from error


async def _leave_as_it_is(_connection: Connection) -> None:
    """The next transaction resets it, and needs no round trip of its own for that."""


async def _check_role(connection: Connection) -> None:
    role = await connection.fetchval(_CURRENT_ROLE)
    if role != APP_ROLE:
        raise SettingInvalid(f"sessions would run as {role}, and tenants would not be walled off")


async def _close_pool(pool: asyncpg.Pool[asyncpg.Record]) -> None:
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await pool.close()
    except (TimeoutError, *LOST, asyncpg.InterfaceError):
        pool.terminate()
