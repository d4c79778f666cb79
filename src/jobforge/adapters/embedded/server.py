"""A PostgreSQL server of the user's own, from a wheel: there on demand, gone with its last client.

Processes that hold the home's `clients.lock` are its clients. The first starts a small supervisor,
which starts the server, starts it again should it die, and stops it once nobody holds that lock.
`start.lock` keeps starting and stopping apart. Locks and answers count; files are never believed.

On Linux the supervisor holds the server by a pidfd; on macOS, and on kernels without it, it looks
four times a second. Root's server runs as `nobody`: on Linux the home may lie anywhere, elsewhere
the folders above it must let `nobody` through. Windows has neither these locks nor these sockets:
there `JOBFORGE_DATABASE_URL` must name a server.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from jobforge.adapters.embedded.names import APP, DATABASE, OWNER, PORT, ROOT_HOME
from jobforge.adapters.postgres.access import DatabaseAccess
from jobforge.core.errors import Unavailable

if TYPE_CHECKING:
    from jobforge.adapters.embedded.hold import Hold

START_TIMEOUT_SECONDS = 60.0


def default_home() -> Path:
    """Where the database and the keys live unless a setting says otherwise."""
    if sys.platform == "win32":
        return Path.home() / "AppData" / "Local" / "jobforge"
    if os.geteuid() == 0:
        return ROOT_HOME
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "jobforge"
    return Path.home() / ".local" / "share" / "jobforge"


class EmbeddedClient:
    """A hold on the running server."""

    def __init__(self, hold: Hold, timeout_seconds: float) -> None:
        self._hold = hold
        self._timeout_seconds = timeout_seconds
        credentials = hold.credentials()
        folder = hold.socket_folder
        self.access = DatabaseAccess(
            owner_dsn=_dsn(OWNER, credentials.owner, folder),
            app_dsn=_dsn(APP, credentials.app, folder),
        )

    async def ensure_running(self) -> None:
        """Wait until the server answers; start it if it died together with its supervisor.

        Raises:
            Unavailable: it does not start, or not in time.
        """
        await asyncio.to_thread(self._hold.start, self._timeout_seconds)


class EmbeddedServer:
    """The server of one home folder.

    Args:
        home: the folder; made if missing, and refused if it is not the caller's own.
        settings: further settings of the server, used by whoever starts it.
        copies: where root keeps programs for `nobody`, if the environment is out of his reach.
        start_timeout_seconds: how long to wait for the server to answer.
    """

    def __init__(
        self,
        home: Path,
        *,
        settings: Mapping[str, str] | None = None,
        copies: Path = ROOT_HOME,
        start_timeout_seconds: float = START_TIMEOUT_SECONDS,
    ) -> None:
        self._home = home
        self._settings = dict(settings or {})
        self._copies = copies
        self._start_timeout_seconds = start_timeout_seconds

    @asynccontextmanager
    async def client(self) -> AsyncIterator[EmbeddedClient]:
        """Hold the server while the block runs; the first client starts it.

        Raises:
            Unavailable: it does not start, or there is none for this system.
            SettingInvalid: the home is another user's, or of another version of PostgreSQL.
        """
        hold = await self._take_hold()
        try:
            yield EmbeddedClient(hold, self._start_timeout_seconds)
        finally:
            await asyncio.shield(asyncio.to_thread(hold.close))

    async def _take_hold(self) -> Hold:
        """Start in a thread; a caller cancelled meanwhile leaves no hold behind."""
        starting = asyncio.ensure_future(asyncio.to_thread(self._start))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            starting.add_done_callback(_close_unwanted)
            raise

    async def wait_until_stopped(self) -> None:
        """Wait until the server is gone; for who wants to remove its home."""
        hold = _new_hold(self._home, self._copies, self._settings)
        try:
            await asyncio.to_thread(hold.wait_until_stopped)
        finally:
            hold.close()

    def _start(self) -> Hold:
        hold = _new_hold(self._home, self._copies, self._settings)
        try:
            hold.start(self._start_timeout_seconds)
        except BaseException:
            hold.close()
            raise
        return hold


def _new_hold(home: Path, copies: Path, settings: Mapping[str, str]) -> Hold:
    if sys.platform == "win32":
        raise Unavailable(
            "there is no embedded database for Windows",
            hint="Set JOBFORGE_DATABASE_URL to a PostgreSQL server of yours.",
        )
    # Not at the top: what it needs of the system does not exist on Windows.
    from jobforge.adapters.embedded.hold import Hold

    return Hold(home, copies, settings)


def _close_unwanted(starting: asyncio.Future[Hold]) -> None:
    if not starting.cancelled() and starting.exception() is None:
        starting.result().close()


def _dsn(role: str, password: str, folder: Path) -> str:
    # The port names the socket's file; without it PGPORT of the environment would.
    where = f"host={quote(str(folder))}&port={PORT}"
    return f"postgresql://{role}:{quote(password)}@/{DATABASE}?{where}"
