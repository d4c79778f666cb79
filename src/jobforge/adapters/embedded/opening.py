"""Opening the database: a server of the user's where a URL names one, else the embedded one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from jobforge.adapters.embedded.server import EmbeddedServer
from jobforge.adapters.postgres.access import DatabaseAccess
from jobforge.adapters.postgres.database import Database
from jobforge.adapters.postgres.migrate import migrate


@dataclass(frozen=True, slots=True)
class Opened:
    """An open database, and the ways into it."""

    database: Database
    access: DatabaseAccess


@asynccontextmanager
async def open_database(
    url: str | None, home: Path, *, app_url: str | None = None
) -> AsyncIterator[Opened]:
    """Start the embedded server in `home` where there is no `url`, migrate, connect.

    `app_url` is the application's own way to the database of `url`, if it has one.

    Raises:
        Unavailable: the database does not start or answer.
        SettingInvalid: the URL cannot be used.
    """
    if url is not None:
        access = DatabaseAccess.over(url, app_url)
        await migrate(access.owner_dsn)
        async with Database.open(access.app_dsn, role=access.app_role) as database:
            yield Opened(database, access)
        return
    async with EmbeddedServer(home).client() as client:
        access = client.access
        await migrate(access.owner_dsn)
        async with Database.open(
            access.app_dsn, role=access.app_role, revive=client.ensure_running
        ) as database:
            yield Opened(database, access)
