"""What tests share: a private, migrated database each, and how Hypothesis searches.

The database is a clone of one that is migrated once for each test process. It lives in an embedded
server of that process, or in the server that JOBFORGE_TEST_DATABASE_URL names, whose owner needs
CREATEROLE and CREATEDB.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import asyncpg
import hypothesis
import pytest
from pydantic import SecretStr  # noqa: TC002 (the settings read it at run time)
from pydantic_settings import BaseSettings, SettingsConfigDict

from jobforge.adapters.embedded.server import EmbeddedServer
from jobforge.adapters.postgres.access import DatabaseAccess
from jobforge.adapters.postgres.database import Database
from jobforge.adapters.postgres.migrate import migrate
from jobforge.adapters.postgres.roles import ensure_roles

if TYPE_CHECKING:
    from tests.application import Harness

# Nothing of value is in these databases, so nothing waits for the disk.
_SERVER_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
}
_MEMORY_BYTES = 2_000_000_000
_CLONE_STRATEGY_SINCE = 15

hypothesis.settings.register_profile("jobforge", deadline=None, max_examples=50)
hypothesis.settings.load_profile("jobforge")


class _TestSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="JOBFORGE_TEST_")

    database_url: SecretStr | None = None


@dataclass
class _Server:
    """The server of this test process; its blocking calls run outside any test's event loop."""

    access: DatabaseAccess
    runner: asyncio.Runner
    admin: asyncpg.Connection[asyncpg.Record]
    template: str

    def execute(self, statement: str) -> None:
        self.runner.run(self.admin.execute(statement))

    def create(self, name: str) -> DatabaseAccess:
        """Clone the migrated database."""
        is_new = self.admin.get_server_version().major >= _CLONE_STRATEGY_SINCE
        strategy = " STRATEGY file_copy" if is_new else ""
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{self.template}"{strategy}')
        return _named(self.access, name)

    def create_empty(self, name: str) -> DatabaseAccess:
        """Make a database without anything in it."""
        self.execute(f'CREATE DATABASE "{name}"')
        return _named(self.access, name)

    def drop(self, name: str) -> None:
        """Drop it, whoever is still connected; each role may only end its own connections."""
        self.execute(
            "SET ROLE jobforge_app; "  # noqa: S608 (our own name)
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            f"WHERE datname = '{name}' AND usename = 'jobforge_app'; "
            "RESET ROLE"
        )
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def database_server() -> Iterator[_Server]:
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner, _access(runner) as access:
        admin = runner.run(asyncpg.connect(access.owner_dsn))
        template = f"jobforge_template_{secrets.token_hex(6)}"
        server = _Server(access, runner, admin, template)
        server.execute(f'CREATE DATABASE "{template}"')
        try:
            runner.run(migrate(_named(access, template).owner_dsn))
            yield server
        finally:
            server.drop(template)
            runner.run(admin.close())


@contextmanager
def _access(runner: asyncio.Runner) -> Iterator[DatabaseAccess]:
    url = _TestSettings().database_url
    if url is not None:
        with _own_login(runner, url.get_secret_value()) as app_url:
            yield DatabaseAccess.over(url.get_secret_value(), app_url)
        return
    home = Path(tempfile.mkdtemp(prefix="jobforge-tests-", dir=_folder_in_memory()))
    server = EmbeddedServer(home, settings=_SERVER_SETTINGS)
    client = server.client()
    try:
        yield runner.run(client.__aenter__()).access
    finally:
        runner.run(client.__aexit__(None, None, None))
        runner.run(server.wait_until_stopped())
        shutil.rmtree(home)


@contextmanager
def _own_login(runner: asyncio.Runner, url: str) -> Iterator[str]:
    """A login for the application alone, as the embedded server has one."""
    owner = runner.run(asyncpg.connect(url))
    login, password = f"jobforge_tests_{secrets.token_hex(6)}", secrets.token_hex(16)
    try:
        runner.run(ensure_roles(owner))
        runner.run(
            owner.execute(
                f"CREATE ROLE {login} LOGIN PASSWORD '{password}' IN ROLE jobforge_app; "
                f"GRANT {login} TO CURRENT_USER"  # so that the owner may end its sessions
            )
        )
        where = urlsplit(url)
        host = where.netloc.rpartition("@")[2]
        yield where._replace(netloc=f"{login}:{password}@{host}").geturl()
    finally:
        runner.run(owner.execute(f"DROP ROLE IF EXISTS {login}"))
        runner.run(owner.close())


def _folder_in_memory() -> Path | None:
    """Where there is one with room to spare; the usual place for temporary files otherwise."""
    folder = Path("/dev/shm")  # noqa: S108 (mkdtemp makes a private folder in it)
    has_room = folder.is_dir() and shutil.disk_usage(folder).free > _MEMORY_BYTES
    return folder if has_room and os.access(folder, os.W_OK) else None


@pytest.fixture
def database_access(database_server: _Server) -> Iterator[DatabaseAccess]:
    """A private, migrated database: the owner's and the application's way in."""
    name = f"jobforge_test_{secrets.token_hex(6)}"
    try:
        yield database_server.create(name)
    finally:
        database_server.drop(name)


@pytest.fixture
def empty_access(database_server: _Server) -> Iterator[DatabaseAccess]:
    """A private database that nobody has migrated."""
    name = f"jobforge_test_{secrets.token_hex(6)}"
    try:
        yield database_server.create_empty(name)
    finally:
        database_server.drop(name)


@pytest.fixture
async def database(database_access: DatabaseAccess) -> AsyncIterator[Database]:
    """The private database as the application sees it."""
    async with Database.open(database_access.app_dsn, role=database_access.app_role) as opened:
        yield opened


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests gets into them."""
    for name in os.environ:  # noqa: TID251 (what must not be read is taken away here)
        if name.startswith("JOBFORGE_"):
            monkeypatch.delenv(name)


@pytest.fixture
async def app(
    database_access: DatabaseAccess,
    tmp_path: Path,
    clean_environment: None,  # noqa: ARG001 (asked for its effect)
) -> AsyncIterator[Harness]:
    """The whole application on a private database: tenant acme, every switch on."""
    # Most tests need none of it, and should not pay for loading every job type.
    from tests.application import open_harness

    async with open_harness(database_access, tmp_path) as harness:
        yield harness


def _named(access: DatabaseAccess, name: str) -> DatabaseAccess:
    """The same server, another database."""
    owner, app = (
        urlsplit(dsn)._replace(path=f"/{name}").geturl()
        for dsn in (access.owner_dsn, access.app_dsn)
    )
    return replace(access, owner_dsn=owner, app_dsn=app)
