"""Releasing: what is let into the queue, how it stands there, and that nothing is left out."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from pgqueuer.db import AsyncpgDriver
from tests.application import Harness, say

from jobforge.adapters.engine.engine import PostgresEngine
from jobforge.adapters.postgres.jobs import QUERIES
from jobforge.adapters.postgres.queue import queries_on, to_payload, to_refs
from jobforge.core.audit import AuditEntry
from jobforge.ports.engine import Attempt, Ending, JobRef


def engine(app: Harness) -> PostgresEngine:
    return PostgresEngine(app.app.database, app.app.clock, app.app.checkpoints)


async def begin(app: Harness, job_id: UUID | None) -> Attempt:
    (started,) = await engine(app).begin([JobRef(app.tenant.tenant_id, known(job_id))])
    assert isinstance(started, Attempt)
    return started


def ending(attempt: Attempt, result: str) -> Ending:
    entry = AuditEntry(
        tenant_id=attempt.ref.tenant_id,
        at=datetime(2026, 3, 1, tzinfo=UTC),
        actor="worker",
        event="job.executed",
        subject=f"job:{attempt.ref.job_id}",
    )
    return Ending(attempt, "executed", entry, result=result, manifest="{}")


def known(job_id: UUID | None) -> UUID:
    assert job_id is not None
    return job_id


async def test_a_job_that_lost_its_queue_row_is_found_and_run(app: Harness) -> None:
    result = await app.execute(app.bundle(say(1)))
    await app.alter("DELETE FROM pgqueuer.pgqueuer")
    await app.work()
    assert (await app.show(result)).summary.queued == 1, "it is left alone for half a minute"

    await app.alter(
        "UPDATE jobforge.released_jobs SET released_at = released_at - interval '31 seconds'"
    )
    await app.work()

    assert (await app.show(result)).summary.executed == 1


_ALL_WAIT = """
    INSERT INTO jobforge.waiting_jobs
    SELECT tenant_id, priority, created_at, job_id, lane FROM jobforge.jobs
"""


async def test_waiting_jobs_that_nobody_released_are_found_and_run(app: Harness) -> None:
    result = await app.execute(app.bundle(say(1), say(2)))
    await app.alter(
        "DELETE FROM pgqueuer.pgqueuer", "DELETE FROM jobforge.released_jobs", _ALL_WAIT
    )

    await app.work()

    assert (await app.show(result)).summary.executed == 2


async def released(app: Harness) -> dict[UUID, int]:
    rows = await app.rows(
        "SELECT tenant_id, count(*) FROM jobforge.released_jobs GROUP BY tenant_id"
    )
    return {row["tenant_id"]: row["count"] for row in rows}


async def test_never_more_jobs_of_a_tenant_are_released_than_its_cap_and_all_are_run(
    app: Harness,
) -> None:
    await app.alter("UPDATE jobforge.tenants SET release_cap = 3")
    bundles = [
        app.bundle(*(say(10 * b + n) for n in range(5)), bundle_id=f"b-{b}") for b in range(4)
    ]
    queued = await asyncio.gather(*(app.execute(raw) for raw in bundles))

    assert await released(app) == {app.tenant.tenant_id: 3}
    (row,) = await app.rows("SELECT payload FROM pgqueuer.pgqueuer")
    assert len(to_refs(row["payload"])) == 3
    seen = [
        (await engine(app).settle([ending(await begin(app, job), "1")]), await released(app))
        for job in [row["job_id"] for row in await app.rows(_RELEASED)]
    ]
    assert [counts for _, counts in seen] == 3 * [{app.tenant.tenant_id: 3}]
    await app.work()
    assert [(await app.show(result)).summary.executed for result in queued] == 4 * [5]


_RELEASED = "SELECT job_id FROM jobforge.released_jobs"


async def test_a_small_tenant_does_not_wait_for_the_thousands_of_a_large_one(
    app: Harness,
) -> None:
    small = await app.new_tenant("small")
    template = await app.execute(app.bundle(say(0)))
    async with app.owner() as owner:
        await owner.execute(_FIVE_THOUSAND, known(template.child_runs[0].job_id))
    await engine(app).sweep()
    assert await released(app) == {app.tenant.tenant_id: 200}

    await app.execute(app.bundle(say(1), tenant=small), tenant=small)

    rows = await app.rows("SELECT payload FROM pgqueuer.pgqueuer ORDER BY priority DESC, id")
    owners = [ref.tenant_id for row in rows for ref in to_refs(row["payload"])]
    assert len(owners) == 201, "one cap's worth, and the small tenant's"
    assert owners.index(small.tenant_id) < 150, "before most of them: some may be due by now"


async def test_a_tenants_turns_follow_each_other_and_are_never_far_away(app: Harness) -> None:
    await app.alter("UPDATE jobforge.tenants SET release_cap = 1000")
    for bundle in range(3):
        numbers = range(100 * bundle, 100 * bundle + 100)
        await app.execute(app.bundle(*map(say, numbers), bundle_id=f"b-{bundle}"))

    rows = await app.rows(
        "SELECT priority, extract(epoch FROM execute_after) AS due FROM pgqueuer.pgqueuer"
        " ORDER BY id"
    )
    turns = [second_of(row["priority"]) for row in rows]
    assert turns == sorted(turns)
    assert turns[9] - turns[0] == pytest.approx(1.8, abs=0.2), "20 ms for each of 90 jobs"
    assert max(turn - float(row["due"]) for turn, row in zip(turns, rows, strict=True)) < 4.3


def second_of(priority: int) -> float:
    return datetime(2026, 1, 1, tzinfo=UTC).timestamp() + (2**31 - 1 - priority) / 10


_FIVE_THOUSAND = """
    WITH copied AS (
        INSERT INTO jobforge.jobs
        SELECT (jsonb_populate_record(
            job, jsonb_build_object('job_id', gen_random_uuid()))).*
        FROM jobforge.jobs AS job, generate_series(1, 5000) WHERE job.job_id = $1
        RETURNING tenant_id, priority, created_at, job_id, lane
    )
    INSERT INTO jobforge.waiting_jobs SELECT * FROM copied
"""


async def test_a_tenants_own_priorities_order_its_releases_and_nobody_elses(
    app: Harness,
) -> None:
    await app.alter("UPDATE jobforge.tenants SET release_cap = 1")
    await app.execute(app.bundle(say(0)))
    await app.execute(app.bundle(say(1), say(2)))
    await app.alter(
        "UPDATE jobforge.jobs SET priority = 20 WHERE request_id = 'say-2'",
        "DELETE FROM jobforge.released_jobs",
        "DELETE FROM jobforge.waiting_jobs",
        f"{_ALL_WAIT} WHERE request_id <> 'say-0'",
    )

    async with app.app.storage.transaction(app.tenant.tenant_id) as unit:
        await unit.jobs.release(app.app.clock.now())

    (row,) = await app.rows(
        "SELECT request_id FROM jobforge.jobs JOIN jobforge.released_jobs USING (tenant_id, job_id)"
    )
    assert row["request_id"] == "say-2"


async def test_a_queue_row_names_ten_jobs_at_most_and_each_job_once(app: Harness) -> None:
    result = await app.execute(app.bundle(*(say(n) for n in range(23))))

    rows = await app.rows("SELECT payload FROM pgqueuer.pgqueuer ORDER BY id")
    named = [to_refs(row["payload"]) for row in rows]
    assert [len(refs) for refs in named] == [10, 10, 3]
    asked = {JobRef(app.tenant.tenant_id, known(child.job_id)) for child in result.child_runs}
    assert {ref for refs in named for ref in refs} == asked


async def test_a_row_is_queued_as_pgqueuer_itself_would(app: Harness) -> None:
    payload = to_payload(JobRef(UUID(int=1), UUID(int=2)))
    async with app.owner() as owner:
        await owner.execute(QUERIES.enqueue, ["inline"], [payload], [timedelta(0)])
        theirs = queries_on(AsyncpgDriver(owner))
        await theirs.enqueue(["jobforge.inline"], [payload], [0])

        rows = await owner.fetch(
            "SELECT to_jsonb(q) - '{id,priority}'::text[] AS row"
            " FROM pgqueuer.pgqueuer AS q ORDER BY id"
        )
        logged = await owner.fetch(
            "SELECT to_jsonb(q) - '{id,job_id,priority}'::text[] AS row"
            " FROM pgqueuer.pgqueuer_log AS q"
        )

    assert len(rows) == len(logged) == 2
    assert rows[0] == rows[1]
    assert logged[0] == logged[1]


async def test_a_place_of_the_cap_that_an_ended_job_holds_is_given_back(app: Harness) -> None:
    result = await app.execute(app.bundle(say(1)))
    await app.work()
    job_id = known(result.child_runs[0].job_id)
    async with app.owner() as owner:
        await owner.execute(
            "INSERT INTO jobforge.released_jobs VALUES ($1, $2, 'inline', now() - interval '1m')",
            app.tenant.tenant_id,
            job_id,
        )

    await app.work()

    assert await released(app) == {}
