"""A server of an earlier major version, where this machine has one, and a line that can be cut."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from jobforge.adapters.embedded.account import server_account
from jobforge.adapters.postgres.access import DatabaseAccess

_NEWEST_OLDER = 17
_OWNER = "CREATE ROLE an_owner LOGIN CREATEROLE"


@pytest.fixture(scope="session")
def older_server() -> Iterator[str]:
    """The folder of a running server's socket; its superuser `postgres` needs no password."""
    initdb = Path(os.path.realpath(shutil.which("initdb") or "/nonexistent"))
    if not initdb.exists() or _major_of(initdb) > _NEWEST_OLDER:
        pytest.skip("no PostgreSQL of an earlier major version is installed here")
    with tempfile.TemporaryDirectory(prefix="jobforge-older-", dir="/tmp") as name:
        folder, account = Path(name), server_account()
        account.give(folder)
        data = folder / "data"
        _run(initdb, "-D", data, "-U", "postgres", "--auth=trust", "--no-sync")
        options = ("-c", "fsync=off", "-c", "listen_addresses=", "-k", folder)
        server = subprocess.Popen(  # noqa: S603 (a program of the system's, as the server's account)
            [initdb.with_name("postgres"), "-D", data, *options],
            stderr=subprocess.DEVNULL,
            cwd="/",
            **account.popen_options(),
        )
        try:
            with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
                runner.run(_wait_for(f"postgresql://postgres@/postgres?host={folder}"))
            yield str(folder)
        finally:
            server.terminate()
            server.wait()


@pytest.fixture
def older_accesses(older_server: str) -> Iterator[list[DatabaseAccess]]:
    """Empty databases on it, whose owner may make roles but is no superuser; no role exists."""
    superuser = f"postgresql://postgres@/postgres?host={older_server}"
    names = ("work", "work2", "work3", "work4")
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        make = (f"CREATE DATABASE {name} OWNER an_owner" for name in names)
        runner.run(_execute(superuser, _OWNER, *make))
        yield [
            DatabaseAccess.over(f"postgresql://an_owner@/{name}?host={older_server}")
            for name in names
        ]
        drop = (f"DROP DATABASE {name} WITH (FORCE)" for name in names)
        roles = "jobforge_app, jobforge_dispatch, an_owner"
        runner.run(_execute(superuser, *drop, f"DROP ROLE IF EXISTS {roles}"))


@pytest.fixture
def older_access(older_accesses: list[DatabaseAccess]) -> DatabaseAccess:
    """One of them."""
    return older_accesses[0]


@pytest.fixture(params=["embedded", "as a user's", "older"])
def any_empty_access(request: pytest.FixtureRequest) -> DatabaseAccess:
    """An empty database, reached in each of the ways there are."""
    if request.param == "older":
        older: DatabaseAccess = request.getfixturevalue("older_access")
        return older
    access: DatabaseAccess = request.getfixturevalue("empty_access")
    return access if request.param == "embedded" else DatabaseAccess.over(access.owner_dsn)


class Line:
    """A relay to the database that can be cut, and joined again."""

    def __init__(self, dsn: str) -> None:
        self._target = urlsplit(dsn)
        self._is_cut = False
        self._is_silent = asyncio.Event()
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)

    async def close(self) -> None:
        assert self._server is not None
        await self.cut()
        self._server.close()

    def through(self, dsn: str) -> str:
        """The same URL by way of this line."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        user = urlsplit(dsn).netloc.rpartition("@")[0]
        there = urlsplit(dsn)._replace(netloc=f"{user}@127.0.0.1:{port}", query="sslmode=disable")
        return there.geturl()

    async def cut(self) -> None:
        self._is_cut = True
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()
        await asyncio.sleep(0)

    def join(self) -> None:
        self._is_cut = False

    def swallow(self) -> None:
        """Let nothing through any more on what is open, without a word; new lines work."""
        self._is_silent.set()
        self._is_silent = asyncio.Event()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        there_reader, there_writer = await self._connect()
        self._writers += [writer, there_writer]
        silent = self._is_silent
        await asyncio.gather(
            _pump(reader, there_writer, silent), _pump(there_reader, writer, silent)
        )

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        hosts = parse_qs(self._target.query).get("host")
        if hosts:
            return await asyncio.open_unix_connection(f"{hosts[0]}/.s.PGSQL.5432")
        return await asyncio.open_connection(self._target.hostname, self._target.port or 5432)


@pytest.fixture
async def line(database_access: DatabaseAccess) -> AsyncIterator[Line]:
    opened = Line(database_access.app_dsn)
    await opened.open()
    yield opened
    await opened.close()


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silent: asyncio.Event
) -> None:
    with suppress(OSError):
        while chunk := await reader.read(65_536):
            if not silent.is_set():
                writer.write(chunk)
                await writer.drain()
    writer.close()


def _major_of(program: Path) -> int:
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)  # noqa: S603 (asked for its version only)
    found = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    return int(found[1]) if found else 0


def _run(program: Path, *arguments: str | Path) -> None:
    account = server_account()
    subprocess.run(  # noqa: S603 (a program of the system's, as the server's account)
        [program, *arguments],
        check=True,
        capture_output=True,
        cwd="/",
        **account.popen_options(),
    )


async def _wait_for(dsn: str) -> None:
    async with asyncio.timeout(30):
        while True:
            with suppress(OSError, asyncpg.PostgresError):
                await _execute(dsn, "SELECT 1")
                return
            await asyncio.sleep(0.05)


async def _execute(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
