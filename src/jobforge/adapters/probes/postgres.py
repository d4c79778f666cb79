"""Read-only questions to a PostgreSQL server that a connection names."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import asyncpg

from jobforge.adapters.probes.postgres_sessions import PostgresSessions, plainly
from jobforge.core.context import Row
from jobforge.core.errors import SourceMalformed, TargetUnavailable

if TYPE_CHECKING:
    from jobforge.adapters.probes.postgres_sessions import Session

MAX_ROWS: Final = 10_000


class PostgresProbe:
    """Opens a connection for each call, to a checked address, and reads."""

    def __init__(self, sessions: PostgresSessions) -> None:
        self._sessions = sessions

    async def read(
        self, connection: str, queries: Mapping[str, str], *, timeout: timedelta
    ) -> dict[str, list[Row]]:
        """Run each query in a read-only transaction of its own; all within `timeout`.

        Raises:
            ConnectionMissing: there is no such connection.
            SettingInvalid: its settings cannot be used.
            EgressDenied: its address may not be reached.
            TargetUnavailable: no connection, no login, a query that fails, or not in time.
            SourceMalformed: a query gives more than 10,000 rows.
        """
        seconds = timeout.total_seconds()
        try:
            async with asyncio.timeout(seconds), self._sessions.open(connection) as session:
                return {
                    name: await _read(session, name, query, timeout)
                    for name, query in queries.items()
                }
        except TimeoutError:
            raise TargetUnavailable(
                f"{connection} did not answer within {seconds:g} seconds"
            ) from None
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise TargetUnavailable(f"{connection}: {plainly(error)}") from None


async def _read(session: Session, name: str, query: str, timeout: timedelta) -> list[Row]:
    # One transaction a query: a query that ends it, or opens it for writing, gains nothing.
    try:
        async with session.transaction(readonly=True):
            milliseconds = max(1, int(timeout.total_seconds() * 1000))
            await session.execute(
                "SELECT set_config('statement_timeout', $1, true)", str(milliseconds)
            )
            cursor = await session.cursor(query)
            rows = await cursor.fetch(MAX_ROWS + 1)
    except asyncpg.PostgresError as error:
        raise TargetUnavailable(f"query {name}: {plainly(error)}") from None
    if len(rows) > MAX_ROWS:
        raise SourceMalformed(f"query {name} gives more than {MAX_ROWS:,} rows")
    return [dict(row) for row in rows]
