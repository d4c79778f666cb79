"""Settings of a whole server, on one of its own: a superuser alone may write them."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from tests.autopilots.ops.change.world import next_attempt, payload, states, with_postgres

from jobforge.adapters.embedded.account import server_account
from jobforge.adapters.embedded.cluster import Credentials
from jobforge.adapters.embedded.home import Home
from jobforge.adapters.embedded.names import SUPERUSER
from jobforge.adapters.embedded.server import EmbeddedServer
from jobforge.adapters.postgres.access import DatabaseAccess
from jobforge.autopilots.ops.apply import apply, plan, undo, verify
from jobforge.core.errors import PlanStale, TargetUnavailable
from jobforge.testing.context import MemoryContext

if TYPE_CHECKING:
    Session = asyncpg.Connection[asyncpg.Record]

WRITTEN = (
    "SELECT setting FROM pg_file_settings "
    "WHERE sourcefile LIKE '%auto.conf' AND name = 'work_mem' ORDER BY seqno DESC LIMIT 1"
)


@pytest.fixture(scope="module")
def ways_in() -> Iterator[tuple[DatabaseAccess, DatabaseAccess]]:
    """A server of this module's own: its superuser's and its owner's way in."""
    root = Path(tempfile.mkdtemp(prefix="jobforge-system-"))
    server = EmbeddedServer(root, settings={"fsync": "off", "full_page_writes": "off"})
    client = server.client()
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        access = runner.run(client.__aenter__()).access
        password = Credentials.read(Home(root, server_account()).credentials).superuser
        parts = urlsplit(access.owner_dsn)
        login = f"{SUPERUSER}:{password}@{parts.netloc.rpartition('@')[2]}"
        yield DatabaseAccess.over(parts._replace(netloc=login).geturl()), access
        runner.run(client.__aexit__(None, None, None))
        runner.run(server.wait_until_stopped())
    shutil.rmtree(root)


@pytest.fixture
async def session(ways_in: tuple[DatabaseAccess, DatabaseAccess]) -> AsyncIterator[Session]:
    session = await asyncpg.connect(ways_in[0].owner_dsn)
    yield session
    await session.execute("ALTER SYSTEM RESET ALL")
    await session.execute("SELECT pg_reload_conf()")
    await session.close()


@pytest.fixture
def context(ways_in: tuple[DatabaseAccess, DatabaseAccess]) -> MemoryContext:
    return with_postgres(ways_in[0])


def setting(value: str) -> dict[str, Any]:
    operation = {"kind": "set", "name": "work_mem", "value": value, "scope": "system"}
    return {"adapter": "postgres", "connection": "shop", "operation": operation}


async def in_force(session: Session, wanted: str) -> str:
    """What the server goes by, once it has had a moment to read its file."""
    found = ""
    for _ in range(100):
        found = str(await session.fetchval("SHOW work_mem"))
        if found == wanted:
            break
        await asyncio.sleep(0.02)
    return found


async def test_a_servers_setting_is_written_and_in_force_and_forgotten_again(
    context: MemoryContext, session: Session
) -> None:
    wanted = payload(setting("64MB"))
    effects = await plan(wanted, context)

    await apply(wanted, effects, context)
    await verify(wanted, effects, context)
    between = (await session.fetchval(WRITTEN), await in_force(session, "64MB"))
    await undo(wanted, effects, context)

    assert effects[0].diff == "-work_mem = (default)\n+work_mem = 64MB"
    assert between == ("64MB", "64MB")
    assert await session.fetchval(WRITTEN) is None
    assert await in_force(session, "4MB") == "4MB"


async def test_a_former_value_comes_back(context: MemoryContext, session: Session) -> None:
    await session.execute("ALTER SYSTEM SET work_mem = '12MB'")
    wanted = payload(setting("64MB"))
    effects = await plan(wanted, context)

    await apply(wanted, effects, context)
    await undo(wanted, effects, context)

    assert effects[0].before == "12MB"
    assert await session.fetchval(WRITTEN) == "12MB"
    assert await in_force(session, "12MB") == "12MB"


async def test_a_kill_before_the_server_read_its_file_is_made_good(
    context: MemoryContext, session: Session
) -> None:
    wanted = payload(setting("64MB"))
    effects = await plan(wanted, context)
    await context.journal.write(0, "begun")
    await session.execute("ALTER SYSTEM SET work_mem = '64MB'")

    await apply(wanted, effects, next_attempt(context))

    assert await in_force(session, "64MB") == "64MB"
    assert (await states(context))[-1] == (0, "done")


async def test_what_somebody_else_set_meanwhile_is_not_overwritten(
    context: MemoryContext, session: Session
) -> None:
    wanted = payload(setting("64MB"))
    effects = await plan(wanted, context)
    await apply(wanted, effects, context)
    await session.execute("ALTER SYSTEM SET work_mem = '99MB'")

    with pytest.raises(PlanStale, match="99MB"):
        await undo(wanted, effects, context)

    assert await session.fetchval(WRITTEN) == "99MB"


async def test_a_role_that_may_not_read_the_servers_file_plans_nothing(
    ways_in: tuple[DatabaseAccess, DatabaseAccess], session: Session
) -> None:
    with pytest.raises(TargetUnavailable, match="permission denied"):
        await plan(payload(setting("64MB")), with_postgres(ways_in[1]))

    assert await session.fetchval(WRITTEN) is None
