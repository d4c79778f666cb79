"""`Overview` in PostgreSQL."""

from __future__ import annotations

from datetime import datetime, timedelta

from jobforge.adapters.engine.presence import is_anyone_present
from jobforge.adapters.postgres.database import Database
from jobforge.adapters.postgres.queries import load_queries
from jobforge.ports.telemetry import Backlog

QUERIES = load_queries("overview")
UNHEARD_AFTER = timedelta(minutes=1)
"""A worker says every few seconds that it is there; after this long nobody has the job."""

_NONE = timedelta(0)


class PostgresOverview:
    """Looks across tenants through narrow functions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def measure_backlog(self, at: datetime) -> Backlog:
        """What has not ended."""
        async with self._database.system_transaction() as connection:
            # Heartbeats are written by the database's clock.
            now: datetime = await connection.fetchval(QUERIES.database_time)
            row = await connection.fetchrow(QUERIES.measure_backlog, at, now - UNHEARD_AFTER)
        assert row is not None  # noqa: S101 (an aggregate gives one row)
        oldest = row["oldest"]
        return Backlog(
            waiting=row["waiting"],
            released=row["released"],
            running=row["running"],
            stuck=row["stuck"],
            oldest=_NONE if oldest is None else max(at - oldest, _NONE),
        )

    async def database_time(self) -> datetime:
        """The time by the database's clock."""
        async with self._database.system_transaction() as connection:
            at: datetime = await connection.fetchval(QUERIES.database_time)
        return at

    async def is_worker_present(self) -> bool:
        """Whether any worker runs."""
        return await is_anyone_present(self._database)
