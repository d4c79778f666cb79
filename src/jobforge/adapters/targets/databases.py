"""Statements that change a PostgreSQL server which a connection names."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg

from jobforge.adapters.probes.postgres_sessions import PostgresSessions, plainly
from jobforge.core.errors import HandlerFailed, TargetUnavailable

_REFUSALS = (
    asyncpg.SyntaxOrAccessError,
    asyncpg.InvalidParameterValueError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.FeatureNotSupportedError,
    asyncpg.InvalidObjectDefinitionError,
    asyncpg.DataError,
)


class PostgresDatabases:
    """Implements `core.targets.Databases`: a session for each statement."""

    def __init__(self, sessions: PostgresSessions) -> None:
        self._sessions = sessions

    async def execute(self, connection: str, statement: str, *, timeout: timedelta) -> None:
        """Run one statement outside a transaction.

        Raises:
            ConnectionMissing: there is no such connection.
            EgressDenied: its address may not be reached.
            TargetUnavailable: no connection, or it did not end in time; it may still be running.
            HandlerFailed: the server refuses the statement.
        """
        seconds = timeout.total_seconds()
        try:
            async with asyncio.timeout(seconds), self._sessions.open(connection) as session:
                # The server gives up first, so that nothing runs on after us.
                limit = max(1, int(seconds * 900))
                await session.execute(f"SET statement_timeout = {limit}")
                await session.execute(statement)
        except _REFUSALS as error:
            raise HandlerFailed(f"{connection} refuses: {plainly(error)}") from None
        except TimeoutError:
            raise TargetUnavailable(
                f"{connection} did not finish within {seconds:g} seconds"
            ) from None
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise TargetUnavailable(f"{connection}: {plainly(error)}") from None
