"""The hot queries touch the rows they are about, also right after a new tenant's first burst.

What is counted is what the server says it read: plans inside functions cannot be asked for.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from tests.application import Harness, say

from jobforge.adapters.postgres.queries import load_queries

if TYPE_CHECKING:
    from jobforge.adapters.postgres.database import Connection

EARLIER = 30_000  # with fewer, servers before 17 rightly read a small tenant whole
BURST = 2_000
BATCH = 100
JOBS = load_queries("jobs")
NOW = datetime(2100, 1, 1, tzinfo=UTC)

# Rows of the jobs table that may be read for one job of a batch: the job itself, the row it is
# joined with, and the versions that an update leaves in a table nobody vacuumed yet.
READ_PER_JOB = 8

_READ = """
    SELECT coalesce(sum(seq_scan), 0) AS scans,
        coalesce(sum(idx_tup_fetch + seq_tup_read), 0) AS rows
    FROM pg_stat_xact_user_tables WHERE schemaname = 'jobforge' AND relname = $1
"""
_COPY = """
    INSERT INTO jobforge.jobs
    SELECT (jsonb_populate_record(
        job, jsonb_build_object('job_id', gen_random_uuid(), 'status', $3::text))).*
    FROM jobforge.jobs AS job, generate_series(1, $2) WHERE job.job_id = $1
"""
_WAIT = """
    INSERT INTO jobforge.waiting_jobs
    SELECT tenant_id, priority, created_at, job_id, lane FROM jobforge.jobs
    WHERE tenant_id = $1 AND status = 'queued' AND NOT EXISTS (
        SELECT FROM jobforge.released_jobs WHERE released_jobs.job_id = jobs.job_id)
"""
_KEYS = """
    INSERT INTO jobforge.idempotency_keys
    SELECT tenant_id, job_type, gen_random_uuid()::text, job_id, payload_digest
    FROM jobforge.idempotency_keys, generate_series(1, $2) WHERE tenant_id = $1
"""


@pytest.fixture
async def fresh(app: Harness) -> UUID:
    """A tenant whose first burst came after the last ANALYZE; another had thousands before."""
    old = await app.execute(app.bundle(say(1)))
    other = await app.new_tenant("fresh")
    new = await app.execute(app.bundle(say(1), tenant=other), tenant=other)
    async with app.owner() as owner:
        await owner.execute(_COPY, old.child_runs[0].job_id, EARLIER, "executed")
        await owner.execute(_KEYS, app.tenant.tenant_id, 10_000)
        await owner.execute("ANALYZE jobforge.jobs; ANALYZE jobforge.idempotency_keys")
        await owner.execute("ANALYZE jobforge.waiting_jobs; ANALYZE jobforge.released_jobs")
        await owner.execute(_COPY, new.child_runs[0].job_id, BURST, "queued")
        await owner.execute(_WAIT, other.tenant_id)
        await owner.execute(_KEYS, other.tenant_id, BURST)
        await owner.execute("UPDATE jobforge.bundle_runs SET open_children = $1", BURST)
    return other.tenant_id


async def rows_read(connection: Connection, table: str) -> tuple[int, int]:
    row = await connection.fetchrow(_READ, table)
    assert row is not None
    return int(row["scans"]), int(row["rows"])


async def test_beginning_and_settling_a_batch_reads_little_more_than_the_batch(
    app: Harness, fresh: UUID
) -> None:
    found = await app.rows(
        f"SELECT job_id FROM jobforge.jobs WHERE tenant_id = '{fresh}' LIMIT {BATCH}"  # noqa: S608 (values of ours)
    )
    jobs = [row["job_id"] for row in found]
    tenants = BATCH * [fresh]

    async with app.app.database.system_transaction() as connection:
        begun = await connection.fetch(JOBS.begin_jobs, tenants, jobs, NOW)
        first = await rows_read(connection, "jobs")
        nothing: list[None] = BATCH * [None]
        settled = await connection.fetch(
            JOBS.settle_jobs,
            tenants,
            jobs,
            [row["attempt"] for row in begun],
            BATCH * ["executed"],
            nothing,
            BATCH * ["{}"],
            BATCH * ["{}"],
            nothing,
            nothing,
            BATCH * [NOW],
            BATCH * ["worker"],
            BATCH * ["job.executed"],
            BATCH * ["job"],
            BATCH * ["{}"],
            BATCH * [bytes(32)],
            [],
            NOW,
        )
        both = await rows_read(connection, "jobs")

    assert [row["attempt"] for row in begun] == BATCH * [1]
    assert len(settled) == BATCH
    assert first[0] == both[0] == 0, "no scan of the whole table"
    assert first[1] <= BATCH * READ_PER_JOB
    assert both[1] - first[1] <= BATCH * READ_PER_JOB


async def test_releasing_reads_little_more_than_what_it_releases(app: Harness, fresh: UUID) -> None:
    async with app.app.database.system_transaction() as connection:
        released = await connection.fetchval(JOBS.release_jobs, [fresh], NOW)
        scans, rows = await rows_read(connection, "waiting_jobs")

    assert released == 199, "one of its 200 places is taken"
    assert scans == 0
    assert rows <= 200 * READ_PER_JOB


async def test_looking_for_used_keys_reads_those_keys(app: Harness, fresh: UUID) -> None:
    async with app.app.database.transaction(fresh) as connection:
        types, keys = BATCH * ["autopilot.ops.echo"], [f"say-key-{n}" for n in range(BATCH)]
        known = await connection.fetch(JOBS.known_keys, fresh, types, keys)
        scans, rows = await rows_read(connection, "idempotency_keys")

    assert len(known) == 1
    assert scans == 0
    assert rows <= BATCH * READ_PER_JOB


async def test_a_runs_jobs_and_the_newest_ones_are_read_by_index(app: Harness, fresh: UUID) -> None:
    async with app.app.database.transaction(fresh) as connection:
        await connection.fetch(JOBS.newest_jobs, fresh, None, None, 20)
        scans, rows = await rows_read(connection, "jobs")

    assert scans == 0
    assert rows <= BURST + 20
