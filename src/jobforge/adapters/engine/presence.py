"""Whether any worker runs: each holds a shared advisory lock while its connection lives."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jobforge.adapters.postgres.database import Database

_WORKERS_LOCK = 0x6A6F62666F726765  # "jobforge" in ASCII, so that it clashes with nobody's

_IS_HELD = """
    SELECT EXISTS (
        SELECT FROM pg_locks
        WHERE locktype = 'advisory' AND granted AND objsubid = 1
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND (classid::bigint << 32 | objid::bigint) = $1
    )
"""


@asynccontextmanager
async def present(database: Database) -> AsyncIterator[None]:
    """Be seen as a worker. The server forgets it when the process dies, however it dies."""
    async with database.pool.acquire() as connection:
        await connection.execute("SELECT pg_advisory_lock_shared($1)", _WORKERS_LOCK)
        try:
            yield
        finally:
            await connection.execute("SELECT pg_advisory_unlock_shared($1)", _WORKERS_LOCK)


async def is_anyone_present(database: Database) -> bool:
    """Whether a worker runs on this database.

    Trying to take the lock would tell, too, but for that moment look like a worker to others.
    """
    async with database.pool.acquire() as connection:
        return bool(await connection.fetchval(_IS_HELD, _WORKERS_LOCK))
