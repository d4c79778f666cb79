"""The pool: always the application's role, one tenant a transaction, and back after an outage."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import pytest

from jobforge.adapters.embedded.opening import open_database
from jobforge.adapters.postgres import database as database_module
from jobforge.adapters.postgres.access import DatabaseAccess
from jobforge.adapters.postgres.database import Database, connect
from jobforge.adapters.postgres.listener import Listener
from jobforge.core.errors import SettingInvalid, Unavailable

if TYPE_CHECKING:
    from pathlib import Path

    from tests.adapters.postgres.conftest import Line

_ONE = UUID("11111111-1111-4111-8111-111111111111")
_TWO = UUID("22222222-2222-4222-8222-222222222222")
_PID = "SELECT pg_backend_pid()"
_TENANT = "SELECT current_setting('jobforge.tenant_id', true)"

_THINGS = """
    CREATE TABLE public.things (tenant_id uuid NOT NULL, name text NOT NULL);
    ALTER TABLE public.things ENABLE ROW LEVEL SECURITY;
    ALTER TABLE public.things FORCE ROW LEVEL SECURITY;
    CREATE POLICY tenant_rows ON public.things TO jobforge_app
        USING (tenant_id = (SELECT jobforge.current_tenant()));
    GRANT SELECT, INSERT ON public.things TO jobforge_app;
    GRANT USAGE ON SCHEMA public TO jobforge_app;
"""


async def _as_owner(access: DatabaseAccess, statement: str) -> None:
    connection = await asyncpg.connect(access.owner_dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _terminate(access: DatabaseAccess, pid: int) -> None:
    """End a session of the application's, as the role that logged in for it."""
    connection = await asyncpg.connect(access.app_dsn)
    try:
        assert await connection.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)
    finally:
        await connection.close()


@pytest.fixture
async def things(database_access: DatabaseAccess) -> None:
    await _as_owner(database_access, _THINGS)


@pytest.fixture
async def narrow(database_access: DatabaseAccess) -> AsyncIterator[Database]:
    """A pool of one connection, so that what one transaction leaves the next one finds."""
    access = database_access
    async with Database.open(access.app_dsn, role=access.app_role, max_size=1) as opened:
        yield opened


async def test_a_transaction_is_of_one_tenant_and_leaves_no_trace(narrow: Database) -> None:
    async with narrow.transaction(_ONE) as connection:
        first = await connection.fetchval(_TENANT)
    async with narrow.system_transaction() as connection:
        after = await connection.fetchval(_TENANT)
    async with narrow.transaction(_TWO) as connection:
        second = await connection.fetchval(_TENANT)

    assert (first, after or "", second) == (str(_ONE), "", str(_TWO))


async def test_the_tenant_ends_with_its_transaction_even_where_no_session_is_reset(
    database_access: DatabaseAccess,
) -> None:
    # As behind a pooler that hands sessions on between transactions.
    async def leave_as_it_is(_: object) -> None:
        return

    async def revive() -> None:
        return

    access = database_access
    settings = {} if access.app_role is None else {"role": access.app_role}
    async with asyncpg.create_pool(
        access.app_dsn, min_size=1, max_size=1, reset=leave_as_it_is, server_settings=settings
    ) as pool:
        database = Database(pool, Listener(lambda: connect(access.app_dsn), revive), revive)
        async with database.transaction(_ONE):
            pass
        async with database.system_transaction() as connection:
            assert (await connection.fetchval(_TENANT) or "") == ""


@pytest.mark.usefixtures("things")
async def test_a_tenant_sees_its_own_rows_and_nobody_none(database: Database) -> None:
    for tenant in (_ONE, _TWO):
        async with database.transaction(tenant) as connection:
            await connection.execute("INSERT INTO public.things VALUES ($1, 'a')", tenant)

    async with database.transaction(_ONE) as connection:
        rows = await connection.fetch("SELECT tenant_id FROM public.things")
    async with database.system_transaction() as connection:
        seen_by_nobody = await connection.fetchval("SELECT count(*) FROM public.things")

    assert [row["tenant_id"] for row in rows] == [_ONE]
    assert seen_by_nobody == 0


@pytest.mark.usefixtures("things")
async def test_a_row_of_another_tenant_cannot_be_written(database: Database) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        async with database.transaction(_ONE) as connection:
            await connection.execute("INSERT INTO public.things VALUES ($1, 'a')", _TWO)


@pytest.mark.usefixtures("things")
async def test_a_block_that_raises_leaves_nothing(database: Database) -> None:
    async def write_and_fail() -> None:
        async with database.transaction(_ONE) as connection:
            await connection.execute("INSERT INTO public.things VALUES ($1, 'a')", _ONE)
            raise LookupError

    with pytest.raises(LookupError):
        await write_and_fail()

    async with database.transaction(_ONE) as connection:
        assert await connection.fetchval("SELECT count(*) FROM public.things") == 0


@pytest.mark.parametrize("is_by_role", [False, True], ids=["own login", "role of the owner"])
async def test_every_connection_is_the_applications_however_often_it_is_reset(
    database_access: DatabaseAccess, *, is_by_role: bool
) -> None:
    access = DatabaseAccess.over(database_access.owner_dsn) if is_by_role else database_access
    seen = set()

    async with Database.open(access.app_dsn, role=access.app_role, max_size=4) as database:

        async def look() -> None:
            async with database.system_transaction() as connection:
                pid = await connection.fetchval(_PID)
                # What was set for the session ends with the reset; the role is what it starts with.
                await connection.execute("SET work_mem = '1MB'")
                await connection.execute("SELECT pg_sleep(0.02)")
                seen.add((pid, await connection.fetchval("SELECT current_user")))

        for _ in range(3):
            await asyncio.gather(*(look() for _ in range(4)))
        async with database.system_transaction() as connection:
            assert await connection.fetchval("SHOW work_mem") != "1MB"
            assert await connection.fetchval("SHOW search_path") == "pg_catalog"

    assert {role for _, role in seen} == {"jobforge_app"}
    assert len(seen) == 4


async def test_a_session_that_would_not_run_as_the_application_is_refused(
    database_access: DatabaseAccess,
) -> None:
    with pytest.raises(SettingInvalid, match="and tenants would not be walled off"):
        async with Database.open(database_access.owner_dsn):
            pass


async def test_what_the_server_refuses_is_a_wrong_setting_and_no_secret_shows(
    database_access: DatabaseAccess,
) -> None:
    parts = urlsplit(database_access.owner_dsn)
    secret = "hunter2hunter2"  # noqa: S105 (looked for below)
    wrong = {
        "password": parts._replace(netloc=f"jobforge_owner:{secret}@{parts.netloc.split('@')[1]}"),
        "database": parts._replace(path="/no_such_database"),
        "scheme": parts._replace(scheme="mysql", netloc=f"a:{secret}@b"),
        "port": parts._replace(netloc=f"a:{secret}@host:port"),
    }

    for what, url in wrong.items():
        with pytest.raises(SettingInvalid) as caught:
            async with Database.open(url.geturl()):
                pass
        assert secret not in "".join(traceback.format_exception(caught.value)), what


async def test_a_role_that_does_not_exist_is_a_wrong_setting(
    database_access: DatabaseAccess,
) -> None:
    with pytest.raises(SettingInvalid, match="no_such_role"):
        async with Database.open(database_access.owner_dsn, role="no_such_role"):
            pass


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        async with Database.open("postgresql://a:b@/c?host=/nonexistent"):
            pass


async def test_json_comes_as_the_text_it_is(database: Database) -> None:
    async with database.system_transaction() as connection:
        row = await connection.fetchrow(
            """SELECT '{"b": 1.10,  "a": 1}'::json AS j, '{"b": 1.10,  "a": 1}'::jsonb AS b,
                      1.10::numeric AS n"""
        )

    assert row is not None
    assert row["j"] == '{"b": 1.10,  "a": 1}'
    assert row["b"] == '{"a": 1, "b": 1.10}'
    assert (row["n"], str(row["n"])) == (Decimal("1.10"), "1.10")


async def test_it_works_without_prepared_statements(database_access: DatabaseAccess) -> None:
    access = database_access
    async with (
        Database.open(access.app_dsn, role=access.app_role, statement_cache_size=0) as database,
        database.transaction(_ONE) as connection,
    ):
        prepared = await connection.fetchval("SELECT count(*) FROM pg_prepared_statements")

    assert prepared == 0


async def test_connections_that_died_in_the_pool_are_replaced_unseen(
    database: Database, database_access: DatabaseAccess
) -> None:
    async with database.system_transaction() as connection:
        pid = await connection.fetchval(_PID)
    await _terminate(database_access, pid)

    async with database.transaction(_ONE) as connection:
        assert await connection.fetchval("SELECT 1") == 1


async def test_a_server_lost_inside_a_transaction_is_unavailable(
    database: Database, database_access: DatabaseAccess
) -> None:
    async def work_on_a_dead_connection() -> None:
        async with database.transaction(_ONE) as connection:
            await _terminate(database_access, await connection.fetchval(_PID))
            await connection.execute("SELECT 1")

    with pytest.raises(Unavailable, match="the transaction is undone"):
        await work_on_a_dead_connection()

    async with database.transaction(_ONE) as connection:
        assert await connection.fetchval("SELECT 1") == 1


@pytest.mark.usefixtures("things")
async def test_a_server_lost_in_the_commit_leaves_it_open_what_became_of_it(
    database: Database, database_access: DatabaseAccess
) -> None:
    # Only the role that logged in may end a session: the application, or the owner for it.
    rights = "SECURITY DEFINER" if database_access.app_role else "SECURITY INVOKER"
    await _as_owner(
        database_access,
        f"""
        CREATE FUNCTION public.leave() RETURNS trigger LANGUAGE plpgsql {rights} AS
            $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER leave AFTER INSERT ON public.things
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.leave();
        """,
    )

    with pytest.raises(Unavailable, match="may be done or undone"):
        async with database.transaction(_ONE) as connection:
            await connection.execute("INSERT INTO public.things VALUES ($1, 'a')", _ONE)


async def test_a_connection_lost_in_the_midst_of_a_statement_is_unavailable_and_replaced(
    narrow: Database,
) -> None:
    running: list[asyncio.Task[str]] = []

    async def leave_a_statement_running() -> None:
        async with narrow.system_transaction() as connection:
            running.append(asyncio.create_task(connection.execute("SELECT pg_sleep(20)")))
            await asyncio.sleep(0.1)

    with pytest.raises(Unavailable, match="may be done or undone"):
        await leave_a_statement_running()

    await asyncio.wait(running)
    assert isinstance(running[0].exception(), asyncpg.PostgresError)
    async with narrow.system_transaction() as connection:
        assert await connection.fetchval("SELECT 1") == 1


async def test_an_error_of_the_blocks_own_stays_what_it_is(database: Database) -> None:
    async def fail(error: Exception) -> None:
        async with database.transaction(_ONE):
            raise error

    for error in (FileNotFoundError("a file"), TimeoutError("a probe"), ValueError("a value")):
        with pytest.raises(type(error), match="a "):
            await fail(error)


async def test_a_transaction_waits_for_a_server_that_comes_back(
    line: Line, database_access: DatabaseAccess
) -> None:
    access = database_access
    calls: list[str] = []

    async def revive() -> None:
        calls.append("revive")
        if len(calls) == 2:
            line.join()

    dsn = line.through(access.app_dsn)
    async with Database.open(dsn, role=access.app_role, revive=revive) as database:
        async with database.transaction(_ONE):
            pass
        await line.cut()

        async with database.transaction(_ONE) as connection:
            assert await connection.fetchval("SELECT 1") == 1

    assert len(calls) >= 2


async def test_a_server_that_stays_away_is_unavailable_in_the_end(
    line: Line, database_access: DatabaseAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "_RECONNECT_SECONDS", 0.3)
    access = database_access
    async with Database.open(line.through(access.app_dsn), role=access.app_role) as database:
        await line.cut()

        with pytest.raises(Unavailable, match="does not answer"):
            async with database.transaction(_ONE):
                pass


async def test_a_pool_that_stays_busy_is_unavailable(
    narrow: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "_ACQUIRE_SECONDS", 0.1)
    monkeypatch.setattr(database_module, "_RECONNECT_SECONDS", 0.1)

    async with narrow.system_transaction():
        with pytest.raises(Unavailable, match="no answer in time"):
            async with narrow.system_transaction():
                pass


async def test_a_cancelled_block_leaves_a_connection_that_works(narrow: Database) -> None:
    async def sleep() -> None:
        async with narrow.transaction(_ONE) as connection:
            await connection.execute("SELECT pg_sleep(60)")

    task = asyncio.create_task(sleep())
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async with asyncio.timeout(5), narrow.system_transaction() as connection:
        assert (await connection.fetchval(_TENANT) or "") == ""


def test_an_access_does_not_show_its_passwords() -> None:
    access = DatabaseAccess.over("postgresql://owner:hunter2@host/database")

    assert "hunter2" not in repr(access)


async def test_a_login_of_the_applications_own_cannot_become_the_owner(
    database_access: DatabaseAccess, tmp_path: Path
) -> None:
    url, app_url = database_access.owner_dsn, database_access.app_dsn
    async with (
        open_database(url, tmp_path, app_url=app_url) as opened,
        opened.database.system_transaction() as connection,
    ):
        assert await connection.fetchval("SELECT current_user::text") == "jobforge_app"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("SET ROLE jobforge_dispatch")


_DISK_FULL = "DO $$ BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$"


async def test_a_full_disk_is_said_and_its_connection_stays_good(
    narrow: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async def run_out() -> None:
        async with narrow.system_transaction() as connection:
            await connection.execute(_DISK_FULL)

    async with narrow.system_transaction() as connection:
        before = await connection.fetchval(_PID)
    with pytest.raises(Unavailable, match=r"no room left: could not extend file; .* undone"):
        await run_out()

    async with narrow.system_transaction() as connection:
        assert await connection.fetchval(_PID) == before
    assert "active transaction" not in caplog.text
