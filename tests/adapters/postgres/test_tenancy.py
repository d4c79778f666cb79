"""Promise 4: a tenant sees its own rows only, even where a query forgets its WHERE clause."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from tests.adapters.postgres import (
    asking_rows,
    catalogue,
    control_rows,
    housekeeping_rows,
    outside_rows,
    started_rows,
)
from tests.adapters.postgres.sample_values import SAMPLES
from tests.application import OPERATOR, Harness, change, look, say

from jobforge.adapters.postgres.access import DatabaseAccess
from jobforge.adapters.postgres.database import Connection, Database
from jobforge.adapters.postgres.queries import Queries, load_queries

_TABLES_WITHOUT_TENANT = {"schema_migrations"}
"""What the migrations themselves need; the application's role may not read it."""

_ROUTED = "tenants tenant_aliases waiting_jobs released_jobs api_keys switches "
_ROUTED += "sql_intake_queue webhook_deliveries"
_ROUTING = set(_ROUTED.split()) | started_rows.ROUTED
"""What the dispatch role may look up across tenants, in a few columns."""

_DISPATCH_COLUMNS = {
    *(("tenants", column) for column in ("tenant_id", "slug", "name", "created_at")),
    *(("tenant_aliases", column) for column in ("tenant_id", "alias")),
    ("waiting_jobs", "tenant_id"),
    *(("released_jobs", column) for column in ("tenant_id", "job_id", "lane", "released_at")),
    *started_rows.STARTED_COLUMNS,
    *asking_rows.ROUTED,
    *control_rows.ROUTED,
    *housekeeping_rows.SEEN,
    *outside_rows.SEEN,
}
_DISPATCH_FUNCTIONS = {
    "find_tenant",
    "list_tenants",
    "find_stranded_jobs",
    "find_waiting_tenants",
    "find_api_key",
    "list_switches",
    *started_rows.STARTED_ACROSS,
    *housekeeping_rows.FUNCTIONS,
    *outside_rows.FUNCTIONS,
}

_COPY_JOBS = """
    INSERT INTO jobforge.jobs
    SELECT (jsonb_populate_record(
        job, jsonb_build_object('tenant_id', run.tenant_id, 'run_id', run.run_id))).*
    FROM jobforge.jobs AS job, jobforge.bundle_runs AS run
    WHERE run.tenant_id = $1 AND job.tenant_id = $2
"""
_ENDED_ECHO = """
    SELECT * FROM jobforge.jobs JOIN jobforge.job_results USING (tenant_id, job_id)
    WHERE job_type LIKE '%echo'
"""
_NOW = datetime(2026, 3, 1, tzinfo=UTC)


@asynccontextmanager
async def as_owner(access: DatabaseAccess) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(access.owner_dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def find_open_tables(connection: Connection) -> set[str]:
    """Every table that a tenant's rows are not walled off in, as the catalogue tells it."""
    policies = await connection.fetch(catalogue.POLICIES)
    return {
        table["name"]
        for table in await connection.fetch(catalogue.TABLES)
        if table["name"] not in _TABLES_WITHOUT_TENANT
        and not (table["has_rls"] and table["is_forced"] and _is_walled(table["name"], policies))
    }


def _is_walled(table: str, policies: list[asyncpg.Record]) -> bool:
    """Exactly one policy for the application: the tenant's own rows, to read and to write."""
    rule = "(tenant_id = ( SELECT jobforge.current_tenant() AS current_tenant))"
    others, is_kept = housekeeping_rows.split(policies, rule)
    others, is_asked = outside_rows.split(table, others)
    own = [p for p in others if p["tablename"] == table and "jobforge_dispatch" not in p["roles"]]
    routing = [p for p in others if p["tablename"] == table and p not in own]
    return (
        is_kept
        and is_asked
        and [(p["roles"], p["cmd"], p["qual"], p["with_check"]) for p in own]
        == [(["jobforge_app"], "ALL", rule, rule)]
        and all((p["roles"], p["cmd"]) == (["jobforge_dispatch"], "SELECT") for p in routing)
        and (not routing or table in _ROUTING)
    )


async def test_every_table_has_forced_row_level_security_and_the_one_policy(
    database_access: DatabaseAccess,
) -> None:
    async with as_owner(database_access) as owner:
        assert len(await owner.fetch(catalogue.TABLES)) > 15
        assert await find_open_tables(owner) == set()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE jobforge.notes (tenant_id uuid)",
        "CREATE TABLE jobforge.notes (tenant_id uuid); "
        "ALTER TABLE jobforge.notes ENABLE ROW LEVEL SECURITY; "
        "ALTER TABLE jobforge.notes FORCE ROW LEVEL SECURITY",
        "CREATE VIEW jobforge.notes AS SELECT * FROM jobforge.plans",
        "ALTER TABLE jobforge.plans NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE jobforge.plans DISABLE ROW LEVEL SECURITY",
        "DROP POLICY tenant_rows ON jobforge.plans",
        "CREATE POLICY more ON jobforge.plans TO jobforge_app USING (true)",
        "CREATE POLICY routing ON jobforge.plans FOR SELECT TO jobforge_dispatch USING (true)",
        "ALTER POLICY asked ON jobforge.plans USING (true)",
        "ALTER POLICY tenant_rows ON jobforge.plans USING (tenant_id = jobforge.current_tenant() "
        "OR jobforge.current_tenant() IS NULL)",
        "ALTER POLICY tenant_rows ON jobforge.plans TO public",
    ],
)
async def test_a_table_that_is_not_walled_off_would_be_found(
    database_access: DatabaseAccess, statement: str
) -> None:
    async with as_owner(database_access) as owner:
        await owner.execute(statement)

        assert await find_open_tables(owner) <= {"notes", "plans"} != set()
        assert await find_open_tables(owner) != set()


async def test_functions_have_a_fixed_search_path_and_are_not_everybodys(
    database_access: DatabaseAccess,
) -> None:
    async with as_owner(database_access) as owner:
        functions = await owner.fetch(catalogue.FUNCTIONS)

    assert [f["name"] for f in functions if f["is_public"]] == []
    definers = [f for f in functions if f["is_definer"]]
    assert {f["name"] for f in definers} == _DISPATCH_FUNCTIONS
    assert {f["owner"] for f in definers} == {"jobforge_dispatch"}
    assert all("search_path=pg_catalog" in (f["settings"] or ()) for f in definers)


async def test_what_looks_across_tenants_reads_routing_columns_only(
    database_access: DatabaseAccess,
) -> None:
    async with as_owner(database_access) as owner:
        grants = await owner.fetch(catalogue.COLUMN_GRANTS)

    granted = {(g["privilege_type"], g["table_name"], g["column_name"]) for g in grants}
    seen = {(table, column) for kind, table, column in granted if kind == "SELECT"}
    written = {(table, column) for kind, table, column in granted if kind == "INSERT"}
    assert seen <= _DISPATCH_COLUMNS
    assert written == outside_rows.WRITTEN
    assert {kind for kind, _, _ in granted} == {"SELECT", "INSERT"}


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE jobforge.jobs DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE jobforge.jobs NO FORCE ROW LEVEL SECURITY",
        "CREATE POLICY mine ON jobforge.jobs USING (true)",
        "DROP POLICY tenant_rows ON jobforge.jobs",
        "SET ROLE jobforge_dispatch",
        "CREATE TABLE jobforge.mine (id integer)",
        "DROP TABLE jobforge.audit_events",
        "TRUNCATE jobforge.jobs",
        "UPDATE jobforge.audit_events SET actor = 'nobody'",
        "DELETE FROM jobforge.audit_events",
        "TRUNCATE jobforge.audit_events",
        "DELETE FROM jobforge.audit_heads",
        "UPDATE jobforge.audit_checkpoints SET seq = 0",
        "DELETE FROM jobforge.audit_checkpoints",
        "DELETE FROM jobforge.idempotency_keys",
        "UPDATE jobforge.idempotency_keys SET key = 'other'",
        "DELETE FROM jobforge.policy_grants",
        "UPDATE jobforge.pending_grants SET expires_at = 'infinity'",
        "UPDATE jobforge.policy_grants SET consumed_at = NULL",
        "UPDATE jobforge.plans SET requests = '[]'",
        "UPDATE jobforge.artifact_chunks SET content = ''",
        "UPDATE jobforge.bundle_runs SET decisions = '[]'",
        *asking_rows.REFUSED,
        "SELECT * FROM jobforge.schema_migrations",
    ],
)
async def test_the_applications_role_may_not(database: Database, statement: str) -> None:
    async with database.transaction(UUID(int=1)) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)


async def test_row_security_cannot_be_switched_off_for_a_session(app: Harness) -> None:
    async with app.app.database.system_transaction() as connection:
        await connection.execute("SET LOCAL row_security = off")

        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await connection.fetch("SELECT * FROM jobforge.tenants")


async def fill(app: Harness) -> None:
    """A row of tenant acme in every table."""
    raw = app.bundle(look(1), say(2), change(3))
    await app.execute(raw, token=(await app.issue(raw)).token)
    await app.work()
    await app.alter("UPDATE jobforge.tenants SET release_cap = 1")
    await app.execute(app.bundle(look(4), look(5)))
    csv = app.folder / "rows.csv"
    csv.write_text("a,b\n1,2\n")
    await app.app.create_project("Shop", app.tenant, OPERATOR, aliases=["shop-alias"])
    await app.app.datasets.add("rows", csv, app.tenant, None, OPERATOR)
    await app.app.connections.add("db", "postgres", {"url": "u"}, app.tenant, OPERATOR)
    await started_rows.fill_started(app)
    await asking_rows.fill_asking(app)
    await control_rows.fill_controls(app)
    await housekeeping_rows.fill_housekeeping(app)
    await outside_rows.fill_outside(app)
    tenant_id = app.tenant.tenant_id
    async with app.app.storage.transaction(tenant_id) as unit:
        await unit.audit.add_checkpoint(1, "signed", "pruned")
    async with app.owner() as owner:
        await owner.execute("INSERT INTO jobforge.tenant_aliases VALUES ($1, 'alias')", tenant_id)


async def tables_of(connection: Connection) -> list[str]:
    rows = await connection.fetch(catalogue.TABLES)
    return sorted({row["name"] for row in rows} - _TABLES_WITHOUT_TENANT)


async def test_every_table_shows_a_tenant_its_rows_and_others_none(app: Harness) -> None:
    await fill(app)
    other = await app.new_tenant("other")
    database = app.app.database

    async with app.owner() as owner:
        tables = await tables_of(owner)
    for table in tables:
        query = f"SELECT DISTINCT tenant_id FROM jobforge.{table}"  # noqa: S608 (a name of the catalogue)
        async with database.transaction(app.tenant.tenant_id) as connection:
            assert [row[0] for row in await connection.fetch(query)] == [app.tenant.tenant_id], (
                table
            )
        async with database.transaction(other.tenant_id) as connection:
            assert {row[0] for row in await connection.fetch(query)} <= {other.tenant_id}, table
        async with database.system_transaction() as connection:
            assert await connection.fetch(query) == [], table


async def test_a_tenants_setting_does_not_outlive_its_transaction(app: Harness) -> None:
    async with app.app.database.transaction(app.tenant.tenant_id) as connection:
        assert await connection.fetchval("SELECT count(*) FROM jobforge.tenants") == 1

        # Looked at before the pool cleans the connection: a pooler between would not.
        await connection.execute("COMMIT")
        assert await connection.fetchval("SELECT count(*) FROM jobforge.tenants") == 0
    async with app.app.database.system_transaction() as connection:
        assert await connection.fetchval("SELECT count(*) FROM jobforge.tenants") == 0


async def test_a_row_of_another_tenant_can_be_neither_written_nor_moved(app: Harness) -> None:
    other = await app.new_tenant("other")
    await app.execute(app.bundle(look(1)))
    async with app.owner() as owner:
        tables = await tables_of(owner)

    for table in tables:
        copy = (
            f"INSERT INTO jobforge.{table} SELECT (jsonb_populate_record(t, "  # noqa: S608 (a name of the catalogue)
            f"jsonb_build_object('tenant_id', '{other.tenant_id}'))).* FROM jobforge.{table} AS t"
        )
        async with app.app.database.transaction(app.tenant.tenant_id) as connection:
            if not await connection.fetch(f"SELECT FROM jobforge.{table}"):
                continue
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                await connection.execute(copy)
    async with app.app.database.transaction(app.tenant.tenant_id) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await connection.execute("UPDATE jobforge.jobs SET tenant_id = $1", other.tenant_id)


def named_queries() -> list[tuple[str, str]]:
    folder = files("jobforge.adapters.postgres").joinpath("sql")
    tables = sorted(entry.name.removesuffix(".sql") for entry in folder.iterdir())
    return [(table, name) for table in tables for name in load_queries(table)]


def without_tenant(queries: Queries, name: str) -> str:
    """The query with its own tenant condition taken out: only row-level security is left."""
    return re.sub(r"\b(\w+\.)?tenant_id = \$1(?=\s|$)", "($1::uuid IS NOT NULL)", queries[name])


_READS_ACROSS = {
    "find_tenant",
    "list_tenants",
    "find_stranded_jobs",
    "find_waiting_tenants",
    "find_by_hash",
    "list_switches",
    *started_rows.STARTED_ACROSS,
    *outside_rows.ACROSS,
}
"""The narrow functions of the dispatch role, which is what they are for."""


def samples(statement: asyncpg.prepared_stmt.PreparedStatement[asyncpg.Record]) -> list[Any]:
    """A value of the right type for each parameter."""
    return [
        [SAMPLES[kind.name.removesuffix("[]").removeprefix("_")]]
        if kind.kind == "array"
        else SAMPLES[kind.name]
        for kind in statement.get_parameters()
    ]


async def own_values(app: Harness) -> dict[str, dict[int, Any]]:
    """By query: the parameters with which it finds rows of tenant acme, by position."""
    async with app.owner() as owner:
        job = await owner.fetchrow(_ENDED_ECHO)
        plan = await owner.fetchrow("SELECT digest, effects_digest FROM jobforge.plans")
        grant = await owner.fetchrow("SELECT jti FROM jobforge.policy_grants")
    assert job is not None
    assert plan is not None
    assert grant is not None
    checksum = job["artifact_ref"].removeprefix("artifact:")
    return {
        "find_artifact": {2: checksum},
        "artifact_part": {2: checksum, 3: 0, 4: 9},
        "artifact_chunks": {2: checksum},
        "page": {2: 0, 3: 10},
        "newest": {2: 10},
        "find_run": {2: job["run_id"]},
        "newest_runs": {2: 10},
        "find_connection": {2: "db"},
        "find_dataset": {2: "rows", 3: None},
        "known_keys": {2: ["autopilot.ops.echo"], 3: ["say-key-2"]},
        "find_job": {2: job["job_id"]},
        "journal_of_job": {2: job["job_id"]},
        "jobs_of_run": {2: job["run_id"]},
        "progress_of_run": {2: job["run_id"]},
        "run_status": {2: job["run_id"]},
        "newest_jobs": {2: None, 3: None, 4: 10},
        "lock_job": {2: job["job_id"]},
        "usage": {2: job["job_id"]},
        "count_jobs": dict.fromkeys(range(2, 10)),
        "find_plan": {2: plan["digest"], 3: plan["effects_digest"]},
        "find_grant": {2: grant["jti"]},
        **started_rows.KNOWN,
        **asking_rows.KNOWN,
        **housekeeping_rows.KNOWN,
        **outside_rows.KNOWN,
    }


def is_reading(query: str) -> bool:
    """Whether it reads tables itself, not by way of a function."""
    body = query.partition("\n")[2]
    return body.startswith("SELECT") and re.search(r"FROM jobforge\.\w+\b(?!\()", body) is not None


_READS = [(t, name) for t, name in named_queries() if is_reading(load_queries(t)[name])]


def test_every_query_that_reads_is_looked_at() -> None:
    others = {name for _, name in named_queries()} - {name for _, name in _READS}

    assert len(_READS) >= 18
    across = _READS_ACROSS | control_rows.ENGINE_CALLS
    assert {n for n in others if n.startswith(("find_", "list_"))} == across


async def test_every_reading_query_finds_its_tenants_rows_and_no_others(app: Harness) -> None:
    await fill(app)
    other = await app.new_tenant("other")
    known = await own_values(app)
    whole: dict[str, int] = {}
    acme = app.tenant.tenant_id

    async def ask(connection: Connection, table: str, name: str, tenant_id: UUID) -> int:
        statement = await connection.prepare(without_tenant(load_queries(table), name))
        given = samples(statement)
        for position, value in known.get(name, {}).items():
            given[position - 1] = value
        given[0] = tenant_id
        return len(await statement.fetch(*given))

    for table, name in _READS:
        async with app.app.database.transaction(acme) as connection:
            whole[name] = await ask(connection, table, name, acme)
        async with app.app.database.transaction(other.tenant_id) as connection:
            seen = await ask(connection, table, name, acme)
        # A tenant has a chain's head, an entry and a slot of its own from its first moment.
        own = 1 if name in asking_rows.OWN | control_rows.OWN | housekeeping_rows.OWN else 0
        assert seen <= own, name
        async with app.app.database.system_transaction() as connection:
            assert await ask(connection, table, name, acme) == 0, name
    assert [name for name, count in whole.items() if count == 0] == []


async def test_every_writing_query_of_another_tenant_touches_nothing(app: Harness) -> None:
    await fill(app)
    other = await app.new_tenant("other")
    (job,) = await app.rows("SELECT job_id, run_id FROM jobforge.jobs WHERE job_type LIKE '%echo'")
    acme = app.tenant.tenant_id
    before = await app.rows("SELECT * FROM jobforge.jobs ORDER BY job_id")
    runs = await app.rows("SELECT * FROM jobforge.bundle_runs ORDER BY run_id")
    queries, of_runs = load_queries("jobs"), load_queries("bundle_runs")
    writes: list[tuple[str, list[Any]]] = [
        (queries.cancel_job, [acme, job["job_id"], _NOW]),
        (queries.retry_job, [acme, job["job_id"], _NOW, 3]),
        (queries.report_progress, [acme, job["job_id"], 1, 0.5, "m"]),
        (of_runs.close_child, [acme, job["run_id"], _NOW]),
        (of_runs.reopen_child, [acme, job["run_id"]]),
        (load_queries("datasets").remove_dataset, [acme, "rows", None]),
        (load_queries("connections").remove_connection, [acme, "db"]),
        (load_queries("tenants").allow_host, [acme, True]),
        *asking_rows.writes(acme),
    ]

    for tenant_id in (other.tenant_id, None):
        for query, values in writes:
            place = (
                app.app.database.system_transaction()
                if tenant_id is None
                else app.app.database.transaction(tenant_id)
            )
            async with place as connection:
                assert (await connection.execute(query, *values)).endswith(" 0")

    assert await app.rows("SELECT * FROM jobforge.jobs ORDER BY job_id") == before
    assert await app.rows("SELECT * FROM jobforge.bundle_runs ORDER BY run_id") == runs
    assert await app.count("datasets") == await app.count("connections") == 1


async def test_the_ids_and_names_of_one_tenant_neither_collide_with_nor_reveal_anothers(
    app: Harness,
) -> None:
    await fill(app)
    other = await app.new_tenant("other")
    (project,) = await app.app.list_projects(app.tenant)
    csv = app.app.data_root / "other" / "rows.csv"
    csv.write_text("a,b\n1,2\n")

    result = await app.execute(app.bundle(look(1), say(2), tenant=other), tenant=other)
    await app.work()
    same = await app.app.create_project(
        "Shop", other, OPERATOR, project_id=project.project_id, aliases=["shop-alias"]
    )
    await app.app.datasets.add("rows", csv, other, None, OPERATOR)
    await app.app.connections.add("db", "postgres", {"url": "u"}, other, OPERATOR)
    await app.app.revoke_token(UUID(int=3), other, OPERATOR)

    shown = await app.show(result, other)
    assert [child.status for child in shown.child_runs] == 2 * ["executed"]
    assert same.project_id == project.project_id
    (mine, theirs) = await app.rows(
        "SELECT artifact_ref FROM jobforge.job_results WHERE artifact_ref IS NOT NULL"
    )
    assert mine["artifact_ref"] == theirs["artifact_ref"]
    async with app.owner() as owner:
        # The very same job id, too: nothing of one tenant stands in another's way.
        copied = await owner.execute(_COPY_JOBS, other.tenant_id, app.tenant.tenant_id)
    assert copied == "INSERT 0 5"


async def test_the_artifact_of_one_tenant_is_missing_for_another(app: Harness) -> None:
    result = await app.run(say(1, text="only acme's"))
    other = await app.new_tenant("other")
    job = await app.job_of(result.child_runs[0])
    assert job.artifact_ref is not None

    found = await app.app.resolve_ref(job.artifact_ref, app.tenant)

    assert found.content == b"only acme's"
    async with app.app.storage.transaction(other.tenant_id) as unit:
        checksum = job.artifact_ref.removeprefix("artifact:")
        assert await unit.artifacts.find(checksum) is None
        assert await unit.artifacts.content(checksum) is None
