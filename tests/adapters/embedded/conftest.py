"""Homes for embedded servers, clients in processes of their own, and a look at what runs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from jobforge.adapters.embedded.server import EmbeddedServer
from jobforge.adapters.postgres.access import DatabaseAccess

_CLIENT = """
import asyncio, sys
from pathlib import Path
from jobforge.adapters.embedded.server import EmbeddedServer

async def main():
    async with EmbeddedServer(Path(sys.argv[1])).client() as client:
        print(client.access.owner_dsn, flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""

_MEMORY_BYTES = 1_000_000_000

StartClient = Callable[[], "subprocess.Popen[str]"]


@dataclass(frozen=True)
class Running:
    """A server that only looks may be cast at."""

    home: Path
    access: DatabaseAccess


@pytest.fixture(scope="session")
def complete_home() -> Iterator[Path]:
    """A home whose server is stopped, to be copied: much faster than making one for each test."""
    with _private_folder() as parent:
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            runner.run(_start_and_stop(EmbeddedServer(parent / "home")))
        yield parent / "home"


@pytest.fixture(scope="session")
def running(complete_home: Path) -> Iterator[Running]:
    """A running server that tests share, for what changes nothing."""
    with _private_folder() as parent, asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        home = _copied(complete_home, parent / "home")
        server = EmbeddedServer(home)
        client = server.client()
        yield Running(home, runner.run(client.__aenter__()).access)
        runner.run(client.__aexit__(None, None, None))
        runner.run(server.wait_until_stopped())


@pytest.fixture
def new_home() -> Iterator[Path]:
    """A home that does not exist yet, in a folder that only its owner may enter."""
    with _private_folder() as parent:
        yield parent / "home"


@pytest.fixture
def home(complete_home: Path, new_home: Path) -> Path:
    """A home in which a server once ran."""
    return _copied(complete_home, new_home)


@pytest.fixture
def server(home: Path) -> EmbeddedServer:
    return EmbeddedServer(home)


@pytest.fixture
def start_client(new_home: Path) -> Iterator[StartClient]:
    """Starts processes that hold the server until their input ends or they are killed."""
    with contextlib.ExitStack() as stack:

        def start() -> subprocess.Popen[str]:
            client = subprocess.Popen(  # noqa: S603 (this very interpreter)
                [sys.executable, "-c", _CLIENT, str(new_home)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
            stack.enter_context(client)
            stack.callback(client.kill)
            return client

        yield start


@pytest.fixture
def postmaster(new_home: Path) -> Callable[[], psutil.Process]:
    """Finds the server's first process."""

    def find() -> psutil.Process:
        servers = [process for process in _processes_of(new_home) if not _is_supervisor(process)]
        pids = {process.pid for process in servers}
        (found,) = (process for process in servers if process.ppid() not in pids)
        return found

    return find


@pytest.fixture
def supervisor(new_home: Path) -> Callable[[], psutil.Process]:
    """Finds the server's supervisor."""

    def find() -> psutil.Process:
        (found,) = (process for process in _processes_of(new_home) if _is_supervisor(process))
        return found

    return find


@pytest.fixture
def processes(new_home: Path) -> Callable[[], list[psutil.Process]]:
    """Lists every process of the home's server, its supervisor among them."""
    return lambda: _processes_of(new_home)


def _copied(source: Path, target: Path) -> Path:
    subprocess.run(["/bin/cp", "-a", source, target], check=True)  # noqa: S603 (our own paths)
    return target


async def _start_and_stop(server: EmbeddedServer) -> None:
    async with server.client():
        pass
    await server.wait_until_stopped()


@contextlib.contextmanager
def _private_folder() -> Iterator[Path]:
    parent = Path(tempfile.mkdtemp(prefix="jobforge-embedded-", dir=_folder_in_memory()))
    try:
        yield parent
    finally:
        for process in _processes_of(parent / "home"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        shutil.rmtree(parent)


def _folder_in_memory() -> Path | None:
    folder = Path("/dev/shm")  # noqa: S108 (mkdtemp makes a private folder in it)
    has_room = folder.is_dir() and shutil.disk_usage(folder).free > _MEMORY_BYTES
    return folder if has_room and os.access(folder, os.W_OK) else None


def _processes_of(home: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            works_there = process.cwd() == str(home / "cluster")
            if works_there or (_is_supervisor(process) and str(home) in process.cmdline()[-1]):
                found.append(process)
    return found


def _is_supervisor(process: psutil.Process) -> bool:
    return "jobforge.adapters.embedded.supervisor" in process.cmdline()
