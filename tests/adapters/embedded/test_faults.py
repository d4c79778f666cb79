"""What `kill -9` does to the embedded server: no committed row is lost, and it comes back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random  # noqa: TID251 (a fixed sequence of faults)
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from jobforge.adapters.embedded.account import server_account
from jobforge.adapters.embedded.server import EmbeddedClient, EmbeddedServer

Find = Callable[[], psutil.Process]
Processes = Callable[[], list[psutil.Process]]
StartClient = Callable[[], "subprocess.Popen[str]"]

_BACK_WITHIN_SECONDS = 10.0
_ENOUGH = 20
_LOST = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


async def _until_dead(process: psutil.Process) -> None:
    """Wait for its end; where nobody reaps orphans, a zombie is as dead as it gets."""
    deadline = time.monotonic() + _BACK_WITHIN_SECONDS
    while not _is_dead(process):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def _is_dead(process: psutil.Process) -> bool:
    """Whether its locks are free: that is once its last thread is gone, not its first."""
    try:
        threads = list(Path(f"/proc/{process.pid}/task").iterdir())
        return process.status() == psutil.STATUS_ZOMBIE and len(threads) == 1
    except (psutil.NoSuchProcess, FileNotFoundError):
        return True


async def _connect(client: EmbeddedClient) -> asyncpg.Connection[asyncpg.Record]:
    """Connect as soon as the server takes connections again."""
    deadline = time.monotonic() + _BACK_WITHIN_SECONDS
    while True:
        try:
            return await asyncpg.connect(client.access.owner_dsn, timeout=5)
        except (OSError, asyncpg.PostgresError):
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def _writing(client: EmbeddedClient) -> AsyncIterator[list[int]]:
    """Insert numbers one by one, some before the block starts; those whose commit was confirmed."""
    confirmed: list[int] = []
    enough = asyncio.Event()

    async def write() -> None:
        connection = await _connect(client)
        with contextlib.suppress(*_LOST):
            for number in range(1_000_000):
                await connection.execute("INSERT INTO written VALUES ($1)", number)
                confirmed.append(number)
                if number == _ENOUGH:
                    enough.set()

    writer = asyncio.create_task(write())
    try:
        await asyncio.wait_for(enough.wait(), 10)
        yield confirmed
    finally:
        writer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writer


async def _kill_while_writing(client: EmbeddedClient, postmaster: Find) -> None:
    connection = await _connect(client)
    await connection.execute("CREATE TABLE IF NOT EXISTS written (number integer)")
    await connection.execute("TRUNCATE written")
    await connection.close()
    async with _writing(client) as confirmed:
        os.kill(postmaster().pid, signal.SIGKILL)
        connection = await _connect(client)
        kept = {row["number"] for row in await connection.fetch("SELECT number FROM written")}
        await connection.close()
    assert set(confirmed) <= kept


async def test_a_killed_server_is_back_with_every_confirmed_row(
    server: EmbeddedServer, postmaster: Find
) -> None:
    async with server.client() as client:
        for _ in range(4):
            await _kill_while_writing(client, postmaster)


@pytest.mark.soak
async def test_a_server_killed_twenty_times_is_back_with_every_confirmed_row(
    server: EmbeddedServer, postmaster: Find
) -> None:
    async with server.client() as client:
        for _ in range(20):
            await _kill_while_writing(client, postmaster)


async def test_the_next_client_of_a_server_killed_with_everything_else_finds_its_rows(
    server: EmbeddedServer, start_client: StartClient, processes: Processes
) -> None:
    async with server.client() as client:
        connection = await _connect(client)
        await connection.execute("CREATE TABLE written AS SELECT 42 AS number")
        await connection.close()
    await server.wait_until_stopped()

    for _ in range(3):
        holder = start_client()
        assert holder.stdout is not None
        assert holder.stdout.readline()
        for pid in (*(process.pid for process in processes()), holder.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        async with server.client() as client:
            connection = await _connect(client)
            assert await connection.fetchval("SELECT number FROM written") == 42
            await connection.close()


async def test_a_backend_too_busy_to_notice_does_not_keep_the_server_down(
    server: EmbeddedServer, postmaster: Find
) -> None:
    async with server.client() as client:
        busy = await _connect(client)
        spinning = asyncio.create_task(busy.execute("DO $$ BEGIN LOOP END LOOP; END $$"))
        await asyncio.sleep(0.2)

        os.kill(postmaster().pid, signal.SIGKILL)

        connection = await _connect(client)
        await connection.close()
        with pytest.raises(_LOST):
            await spinning
        busy.terminate()


async def test_a_killed_supervisor_takes_nothing_with_it(
    server: EmbeddedServer, supervisor: Find, postmaster: Find, processes: Processes
) -> None:
    async with server.client() as client:
        connection = await _connect(client)
        before = postmaster().pid

        dying = supervisor()
        dying.kill()
        await _until_dead(dying)
        async with server.client():
            assert postmaster().pid == before
            assert await connection.fetchval("SELECT 1") == 1
            await connection.close()

    await asyncio.wait_for(server.wait_until_stopped(), 10)
    assert processes() == []


async def test_the_last_client_sees_to_the_end_where_the_supervisor_died(
    server: EmbeddedServer, supervisor: Find, processes: Processes
) -> None:
    async with server.client():
        dying = supervisor()
        dying.kill()
        await _until_dead(dying)

    await asyncio.wait_for(server.wait_until_stopped(), 10)
    assert processes() == []


async def test_a_client_can_bring_back_a_server_that_died_with_its_supervisor(
    server: EmbeddedServer, supervisor: Find, postmaster: Find
) -> None:
    async with server.client() as client:
        for process in (supervisor(), postmaster()):
            os.kill(process.pid, signal.SIGKILL)
        await asyncio.sleep(0.2)

        await client.ensure_running()

        connection = await asyncpg.connect(client.access.app_dsn)
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()


async def test_a_supervisor_asked_to_end_shuts_the_server_down(
    server: EmbeddedServer, supervisor: Find, processes: Processes, home: Path
) -> None:
    async with server.client():
        supervisor().terminate()
        await asyncio.wait_for(server.wait_until_stopped(), 10)

        assert processes() == []
        assert "database system is shut down" in _text_of(home / "server.log")


@pytest.mark.parametrize("is_zombie", [True, False], ids=["zombie", "stranger"])
async def test_a_process_that_took_the_dead_servers_number_is_no_obstacle(
    server: EmbeddedServer, home: Path, *, is_zombie: bool
) -> None:
    program = "exit" if is_zombie else "exec sleep 60"
    with _process_of_the_servers_account(program) as stranger:
        if is_zombie:
            # It has ended, and nobody asks how.
            _wait_for_status(stranger, psutil.STATUS_ZOMBIE)
        _leave_pid_file(home, stranger.pid)

        async with server.client() as client:
            connection = await _connect(client)
            assert await connection.fetchval("SELECT 1") == 1
            await connection.close()


async def test_a_full_server_counts_as_running(server: EmbeddedServer, home: Path) -> None:
    of_three = {
        "max_connections": "3",
        "superuser_reserved_connections": "0",
        "max_wal_senders": "0",
    }
    async with EmbeddedServer(home, settings=of_three).client() as client:
        connections = [await _connect(client) for _ in range(3)]
        with pytest.raises(asyncpg.TooManyConnectionsError):
            await asyncpg.connect(client.access.owner_dsn)

        async with asyncio.timeout(5), server.client():
            pass
        for connection in connections:
            await connection.close()


async def test_many_clients_and_random_kills_end_with_no_process_and_all_rows(
    server: EmbeddedServer, start_client: StartClient, postmaster: Find, processes: Processes
) -> None:
    choice = random.Random(20)  # noqa: S311 (no secret)
    async with server.client() as client:
        await _kill_while_writing(client, postmaster)
        holders = [start_client() for _ in range(4)]
        for _ in range(10):
            await asyncio.sleep(choice.uniform(0.0, 0.3))
            victim = choice.randrange(len(holders) + 1)
            if victim == len(holders):
                with contextlib.suppress(ValueError, ProcessLookupError, psutil.Error):
                    os.kill(postmaster().pid, signal.SIGKILL)
            else:
                holders[victim].kill()
                holders[victim] = start_client()
        for holder in holders:
            assert holder.stdout is not None
            assert (await asyncio.to_thread(holder.stdout.readline)).startswith("postgresql://")
            holder.kill()
        connection = await _connect(client)
        assert await connection.fetchval("SELECT count(*) >= 20 FROM written")
        await connection.close()

    await asyncio.wait_for(server.wait_until_stopped(), 10)
    assert processes() == []


@contextlib.contextmanager
def _process_of_the_servers_account(program: str) -> Iterator[psutil.Process]:
    account = server_account()
    child = subprocess.Popen(["/bin/sh", "-c", program], cwd="/", **account.popen_options())  # noqa: S603 (our own words)
    yield psutil.Process(child.pid)
    child.kill()
    child.wait()


def _leave_pid_file(home: Path, pid: int) -> None:
    lines = (str(pid), str(home / "cluster"), "1700000000", "5432", str(home / "socket"), "", "")
    (home / "cluster" / "postmaster.pid").write_text("\n".join(lines))
    account = server_account()
    account.give(home / "cluster" / "postmaster.pid")


def _wait_for_status(process: psutil.Process, status: str) -> None:
    while process.status() != status:
        time.sleep(0.01)


def _text_of(path: Path) -> str:
    return path.read_text()
