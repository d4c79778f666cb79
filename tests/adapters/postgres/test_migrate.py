"""Migrations: forward only, once each, whole or not at all, and nothing left open to everybody."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, cast

import asyncpg
import pytest
from pgqueuer.db import AsyncpgDriver

from jobforge.adapters.postgres import migrate as migrate_module
from jobforge.adapters.postgres.access import DatabaseAccess
from jobforge.adapters.postgres.database import Connection, Database
from jobforge.adapters.postgres.migrate import migrate, read_migrations
from jobforge.adapters.postgres.queue import queries_on
from jobforge.adapters.postgres.roles import check_roles, ensure_roles
from jobforge.core.errors import Conflict, SettingInvalid, Unavailable

if TYPE_CHECKING:
    from pgqueuer.queries import Queries

_FIRST = """
CREATE FUNCTION jobforge.current_tenant() RETURNS uuid LANGUAGE sql STABLE
    SET search_path = pg_catalog
    AS $$ SELECT nullif(current_setting('jobforge.tenant_id', true), '')::uuid $$;
GRANT EXECUTE ON FUNCTION jobforge.current_tenant() TO jobforge_app;
CREATE TABLE jobforge.things (tenant_id uuid NOT NULL, name text NOT NULL);
ALTER TABLE jobforge.things ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobforge.things FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON jobforge.things TO jobforge_app
    USING (tenant_id = (SELECT jobforge.current_tenant()));
GRANT SELECT, INSERT ON jobforge.things TO jobforge_app;
"""
_SECOND = """
CREATE FUNCTION jobforge.forgotten() RETURNS integer LANGUAGE sql AS $$ SELECT 1 $$;
CREATE FUNCTION jobforge.count_all() RETURNS bigint LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog AS $$ SELECT count(*) FROM jobforge.things $$;
GRANT SELECT ON jobforge.things TO jobforge_dispatch;
CREATE POLICY routing ON jobforge.things FOR SELECT TO jobforge_dispatch USING (true);
ALTER FUNCTION jobforge.count_all() OWNER TO jobforge_dispatch;
GRANT EXECUTE ON FUNCTION jobforge.count_all() TO jobforge_app;
"""


_OPEN_FUNCTIONS = """
    SELECT oid::regprocedure::text AS name FROM pg_proc
    WHERE pronamespace IN ('jobforge'::regnamespace, 'pgqueuer'::regnamespace)
        AND has_function_privilege('public', oid, 'EXECUTE')
"""
_DISPATCH_MAY = "SELECT has_schema_privilege('jobforge_dispatch', 'jobforge', 'CREATE') AS may"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_things.sql").write_text(_FIRST)
    (tmp_path / "0002_dispatch.sql").write_text(_SECOND)
    return tmp_path


async def _fetch(dsn: str, query: str, *values: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return list(await connection.fetch(query, *values))
    finally:
        await connection.close()


async def test_an_empty_database_is_brought_up_once(
    any_empty_access: DatabaseAccess, folder: Path
) -> None:
    first = await migrate(any_empty_access.owner_dsn, folder)
    second = await migrate(any_empty_access.owner_dsn, folder)

    assert first == ("pgqueuer", "0001_things", "0002_dispatch")
    assert second == ()


async def test_the_application_works_in_a_migrated_database(
    any_empty_access: DatabaseAccess, folder: Path
) -> None:
    access = any_empty_access
    await migrate(access.owner_dsn, folder)

    async with (
        Database.open(access.app_dsn, role=access.app_role) as database,
        database.system_transaction() as connection,
    ):
        assert await connection.fetchval("SELECT current_user") == "jobforge_app"
        assert await connection.fetchval("SELECT jobforge.count_all()") == 0


async def test_the_application_works_the_queue_and_cannot_change_its_shape(
    any_empty_access: DatabaseAccess, folder: Path
) -> None:
    access = any_empty_access
    await migrate(access.owner_dsn, folder)

    async with Database.open(access.app_dsn, role=access.app_role) as database:
        async with database.system_transaction() as connection:
            await _enqueue(connection, b"one", b"two")
        with pytest.raises(LookupError):
            await _enqueue_and_fail(database)
        async with database.system_transaction() as connection:
            sizes = await _queue_on(connection).queue_size()
        for change in ("ALTER TABLE pgqueuer.pgqueuer ADD mine text", "CREATE TABLE pgqueuer.x ()"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with database.system_transaction() as connection:
                    await connection.execute(change)

    assert [(size.entrypoint, size.count) for size in sizes] == [("work", 2)]


async def test_the_application_owns_nothing(any_empty_access: DatabaseAccess, folder: Path) -> None:
    query = """
        SELECT classid::regclass::text, objid FROM pg_shdepend
        WHERE deptype = 'o' AND refobjid = 'jobforge_app'::regrole
            AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    """
    await migrate(any_empty_access.owner_dsn, folder)

    assert await _fetch(any_empty_access.owner_dsn, query) == []


async def test_nothing_is_open_to_everybody(any_empty_access: DatabaseAccess, folder: Path) -> None:
    schemas = """
        SELECT nspname FROM pg_namespace
        WHERE nspname IN ('jobforge', 'pgqueuer')
            AND (has_schema_privilege('public', oid, 'USAGE')
                 OR has_schema_privilege('public', oid, 'CREATE'))
    """

    await migrate(any_empty_access.owner_dsn, folder)

    assert await _fetch(any_empty_access.owner_dsn, _OPEN_FUNCTIONS) == []
    assert await _fetch(any_empty_access.owner_dsn, schemas) == []


async def test_a_function_without_a_grant_is_nobodys(
    any_empty_access: DatabaseAccess, folder: Path
) -> None:
    access = any_empty_access
    await migrate(access.owner_dsn, folder)

    async with Database.open(access.app_dsn, role=access.app_role) as database:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="forgotten"):
            async with database.system_transaction() as connection:
                await connection.execute("SELECT jobforge.forgotten()")


async def test_the_dispatcher_may_create_only_while_a_migration_runs(
    any_empty_access: DatabaseAccess, folder: Path
) -> None:
    await migrate(any_empty_access.owner_dsn, folder)

    may = await _fetch(any_empty_access.owner_dsn, _DISPATCH_MAY)
    assert [row["may"] for row in may] == [False]


async def test_later_migrations_are_added_to_earlier_ones(
    empty_access: DatabaseAccess, folder: Path
) -> None:
    await migrate(empty_access.owner_dsn, folder)
    _write(folder / "0003_more.sql", "CREATE TABLE jobforge.more ();")

    assert await migrate(empty_access.owner_dsn, folder) == ("0003_more",)


async def test_an_edited_migration_is_named(empty_access: DatabaseAccess, folder: Path) -> None:
    await migrate(empty_access.owner_dsn, folder)
    _write(folder / "0001_things.sql", _FIRST + "-- edited\n")

    with pytest.raises(Conflict, match="0001_things was changed after it was applied"):
        await migrate(empty_access.owner_dsn, folder)


async def test_line_ends_are_no_edit(empty_access: DatabaseAccess, folder: Path) -> None:
    await migrate(empty_access.owner_dsn, folder)
    _write(folder / "0001_things.sql", _FIRST.replace("\n", "\r\n"))

    assert await migrate(empty_access.owner_dsn, folder) == ()


async def test_a_database_of_a_later_version_is_left_alone(
    empty_access: DatabaseAccess, folder: Path
) -> None:
    await migrate(empty_access.owner_dsn, folder)
    _remove(folder / "0002_dispatch.sql")

    with pytest.raises(Conflict, match="by a later version \\(0002_dispatch\\)"):
        await migrate(empty_access.owner_dsn, folder)


async def test_a_migration_slipped_in_before_applied_ones_is_named(
    empty_access: DatabaseAccess, folder: Path
) -> None:
    await migrate(empty_access.owner_dsn, folder)
    await _fetch(
        empty_access.owner_dsn,
        "DELETE FROM jobforge.schema_migrations WHERE name = '0001_things'",
    )

    with pytest.raises(Conflict, match="0001_things was left out"):
        await migrate(empty_access.owner_dsn, folder)


async def test_a_migration_that_fails_leaves_nothing_of_itself(
    empty_access: DatabaseAccess, folder: Path
) -> None:
    _write(folder / "0002_dispatch.sql", "CREATE TABLE jobforge.half (); SELECT 1 / 0;")

    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty_access.owner_dsn, folder)
    tables = await _fetch(
        empty_access.owner_dsn,
        "SELECT relname FROM pg_class WHERE relname IN ('things', 'half')",
    )
    assert [row["may"] for row in await _fetch(empty_access.owner_dsn, _DISPATCH_MAY)] == [False]
    _write(folder / "0002_dispatch.sql", _SECOND)

    assert [row["relname"] for row in tables] == ["things"]
    assert await migrate(empty_access.owner_dsn, folder) == ("0002_dispatch",)


async def test_processes_that_migrate_at_once_apply_each_migration_once(
    any_empty_access: DatabaseAccess, folder: Path
) -> None:
    done = await asyncio.gather(*(migrate(any_empty_access.owner_dsn, folder) for _ in range(4)))

    assert sorted(len(names) for names in done) == [0, 0, 0, 3]


async def test_databases_of_one_server_can_be_migrated_at_once(
    older_accesses: list[DatabaseAccess], folder: Path
) -> None:
    # The roles are the server's, so the databases' own locks do not keep these apart.
    done = await asyncio.gather(*(migrate(one.owner_dsn, folder) for one in older_accesses))

    assert done == [("pgqueuer", "0001_things", "0002_dispatch")] * 4


async def test_a_role_that_another_database_is_just_making_is_waited_for(
    older_accesses: list[DatabaseAccess],
) -> None:
    faster, slower = [await asyncpg.connect(one.owner_dsn) for one in older_accesses[:2]]
    await faster.execute("BEGIN")
    await faster.execute("CREATE ROLE jobforge_app NOLOGIN NOINHERIT")

    waiting = asyncio.create_task(ensure_roles(slower))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    await faster.execute("COMMIT")

    await asyncio.wait_for(waiting, 10)
    await faster.close()
    await slower.close()


async def test_the_queues_schema_follows_a_new_release(
    empty_access: DatabaseAccess, folder: Path
) -> None:
    await migrate(empty_access.owner_dsn, folder)
    index = "SELECT indexname FROM pg_indexes WHERE schemaname = 'pgqueuer' ORDER BY indexname"
    whole = await _fetch(empty_access.owner_dsn, index)
    missing = whole[-1]["indexname"]
    await _fetch(empty_access.owner_dsn, f"DROP INDEX pgqueuer.{missing}")
    await _fetch(
        empty_access.owner_dsn,
        "UPDATE jobforge.schema_migrations SET checksum = 'of 1.5' WHERE name = 'pgqueuer'",
    )

    assert await migrate(empty_access.owner_dsn, folder) == ("pgqueuer",)
    assert await _fetch(empty_access.owner_dsn, index) == whole
    assert await _fetch(empty_access.owner_dsn, _OPEN_FUNCTIONS) == []


async def test_somebody_elses_queue_is_left_alone(
    empty_access: DatabaseAccess, folder: Path
) -> None:
    connection = await asyncpg.connect(empty_access.owner_dsn)
    await queries_on(AsyncpgDriver(connection)).install()
    await connection.close()

    with pytest.raises(Conflict, match="pgqueuer is in use by something else"):
        await migrate(empty_access.owner_dsn, folder)


async def test_an_owner_who_may_not_make_roles_is_told_what_he_needs(
    older_access: DatabaseAccess, older_server: str, folder: Path
) -> None:
    superuser = f"postgresql://postgres@/postgres?host={older_server}"
    await _fetch(superuser, "ALTER ROLE an_owner NOCREATEROLE")

    with pytest.raises(SettingInvalid, match="an_owner may not create or use the role") as caught:
        await migrate(older_access.owner_dsn, folder)

    assert "ALTER ROLE an_owner CREATEROLE" in (caught.value.hint or "")


async def test_the_application_cannot_migrate(
    database_access: DatabaseAccess, folder: Path
) -> None:
    if database_access.app_role is not None:
        pytest.skip("the application does not log in to this server by itself")

    with pytest.raises(SettingInvalid, match="the owner of the database may not migrate it"):
        await migrate(database_access.app_dsn, folder)


@pytest.mark.parametrize("role", ["jobforge_app", "jobforge_dispatch"])
async def test_a_role_that_could_become_another_is_refused(
    database_access: DatabaseAccess, role: str
) -> None:
    connection = await asyncpg.connect(database_access.owner_dsn)
    await connection.execute("BEGIN")
    await check_roles(connection)
    await connection.execute(f"CREATE ROLE somebody_mighty; GRANT somebody_mighty TO {role}")

    with pytest.raises(SettingInvalid, match=f"the role {role} has rights beyond its own"):
        await check_roles(connection)

    await connection.execute("ROLLBACK")
    await connection.close()


async def test_a_role_that_bypasses_row_security_is_refused_at_each_start(
    older_access: DatabaseAccess, older_server: str, folder: Path
) -> None:
    await migrate(older_access.owner_dsn, folder)
    superuser = f"postgresql://postgres@/postgres?host={older_server}"
    await _fetch(superuser, "ALTER ROLE jobforge_app BYPASSRLS")

    with pytest.raises(SettingInvalid, match="tenants would not be walled off"):
        await migrate(older_access.owner_dsn, folder)


async def test_a_server_too_old_is_named(
    empty_access: DatabaseAccess, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate_module, "MIN_SERVER_VERSION", 990000)

    with pytest.raises(SettingInvalid, match="is too old"):
        await migrate(empty_access.owner_dsn, folder)


async def test_a_server_that_does_not_answer_is_unavailable(folder: Path) -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        await migrate("postgresql://a:b@/c?host=/nonexistent", folder)


@pytest.mark.parametrize(
    "names",
    [("0001_one.sql", "0003_three.sql"), ("0002_two.sql",), ("1_one.sql",), ("0001_One.sql",)],
    ids=["gap", "not from 1", "short number", "capital"],
)
def test_names_that_leave_the_order_open_are_refused(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    for name in names:
        _write(tmp_path / name, "")

    with pytest.raises(ValueError, match="should be here"):
        read_migrations(tmp_path)


def test_our_own_migrations_are_in_order() -> None:
    assert [migration.name[:4] for migration in read_migrations()][:2] == ["0001", "0002"]


def _queue_on(connection: Connection) -> Queries:
    # A pooled connection has every method of the connection behind it.
    return queries_on(AsyncpgDriver(cast("asyncpg.Connection[asyncpg.Record]", connection)))


async def _enqueue(connection: Connection, *payloads: bytes) -> None:
    count = len(payloads)
    await _queue_on(connection).enqueue(["work"] * count, list(payloads), [0] * count)


async def _enqueue_and_fail(database: Database) -> None:
    async with database.system_transaction() as connection:
        await _enqueue(connection, b"never")
        raise LookupError


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode())


def _remove(path: Path) -> None:
    path.unlink()
