"""Connections to PostgreSQL, and which of its errors mean that the server is not there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TypeAlias

import asyncpg

from jobforge.core.errors import SettingInvalid, Unavailable

Connection: TypeAlias = (
    "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
)

CONNECT_TIMEOUT_SECONDS = 10.0

LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InternalClientError,
    OSError,
)
"""The server is not there, is going, is coming, or is full. All of it may pass.

asyncpg's InternalClientError belongs here: it is what a statement gets when the server's last words
("terminating connection because of crash of another server process") come in between.
"""

PASSING = (
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresSystemError,
    asyncpg.TransactionRollbackError,
)
"""What a statement can get from a server that is there and stays: a full disk, too many
connections, a cancellation, a deadlock. It may pass, so no worker ends for it."""

_REFUSED = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidParameterValueError,
    asyncpg.UndefinedObjectError,
    asyncpg.InsufficientPrivilegeError,
)

# Whatever the server's or the database's defaults are. With pg_catalog alone on the path, nothing
# in a schema others may write to can be meant instead of what a query names.
_SETTINGS = {
    "application_name": "jobforge",
    "search_path": "pg_catalog",
    "timezone": "UTC",
    "default_transaction_isolation": "read committed",
}


def server_settings(role: str | None) -> Mapping[str, str]:
    """The settings a session starts with, and returns to at each reset."""
    return _SETTINGS if role is None else {**_SETTINGS, "role": role}


@asynccontextmanager
async def connect(dsn: str, *, role: str | None = None) -> AsyncIterator[Connection]:
    """One connection of its own, closed at the end of the block.

    Raises:
        Unavailable: the server does not answer, or is lost in the block.
        SettingInvalid: it refuses the user, the role or the database.
    """
    with translated_errors():
        connection = await asyncpg.connect(
            dsn, timeout=CONNECT_TIMEOUT_SECONDS, server_settings=dict(server_settings(role))
        )
    try:
        yield connection
    except BaseException as error:
        is_gone = is_lost(error, connection)
        # No farewell: on a dead line nobody would answer it.
        connection.terminate()
        if is_gone:
            raise Unavailable("the connection to the database was lost") from error
        raise
    await _close(connection)


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn the errors of connecting into ours; none of them repeats the URL or its password."""
    try:
        yield
    except _REFUSED as error:
        raise SettingInvalid(f"the database refuses the connection: {error}") from error
    except LOST as error:
        raise Unavailable(f"the database does not answer: {_words_of(error)}") from error
    except ValueError:
        # Not chained: the cause quotes the URL.
        raise SettingInvalid(
            "the database URL is not one of PostgreSQL",
            hint="postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
        ) from None


def is_lost(error: BaseException, connection: Connection) -> bool:
    """Whether an error in a block that used the connection says that the server is lost.

    An OSError of the block's own, say of a file, does not.
    """
    if isinstance(error, (OSError, asyncpg.InterfaceError)):
        return is_closed(connection)
    return isinstance(error, LOST)


def is_full(error: BaseException) -> bool:
    """Whether the server is there and has no room: disk, memory or connections."""
    return isinstance(error, asyncpg.InsufficientResourcesError)


def words_of_loss(error: BaseException) -> str:
    """What became of the database, in an operator's words: a full disk is not a lost server."""
    if is_full(error):
        return f"the database has no room left: {error}"
    return "the database was lost"


def is_closed(connection: Connection) -> bool:
    """Whether it can be used no more; the pool takes a lost one back before its user lets go."""
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True


async def _close(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    try:
        await connection.close(timeout=CONNECT_TIMEOUT_SECONDS)
    except (*LOST, asyncpg.InterfaceError):
        connection.terminate()


def _words_of(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error)
