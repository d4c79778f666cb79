"""Why a job waits: each reason by itself, as the database has it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.application import ECHO_TYPE, OPERATOR, Harness, say

from jobforge.core.controls import Scope, once
from jobforge.core.errors import Conflict, Missing

if TYPE_CHECKING:
    from uuid import UUID

    from jobforge.contract.results import BundleResult


async def codes(app: Harness, result: BundleResult, child: int = 0) -> list[str]:
    job = await app.job_of(result.child_runs[child])
    reasons = await app.app.explain_waiting(job.job_id, app.tenant)
    assert all(reason.message for reason in reasons)
    return [reason.code for reason in reasons if reason.code != "NO_WORKER"]


async def test_without_a_worker_that_is_the_reason(app: Harness) -> None:
    result = await app.execute(app.bundle(say(1)))
    job = await app.job_of(result.child_runs[0])

    alone = await app.app.explain_waiting(job.job_id, app.tenant)

    assert [reason.code for reason in alone] == ["NO_WORKER"]
    assert alone[0].hint == "jobforge worker"


async def test_a_worker_that_runs_is_seen(app: Harness) -> None:
    await app.app.switches.turn_on("pause", Scope(), "upgrade", OPERATOR)
    result = await app.execute(app.bundle(say(1)))
    job_id = (await app.job_of(result.child_runs[0])).job_id
    worker = app.app.make_worker(5)
    task = asyncio.create_task(worker.run())
    try:
        seen = await until_worker_seen(app, job_id)
    finally:
        worker.stop()
        await task

    assert seen == ["PAUSED"]


async def until_worker_seen(app: Harness, job_id: UUID) -> list[str]:
    found: list[str] = []
    for _ in range(100):
        found = [r.code for r in await app.app.explain_waiting(job_id, app.tenant)]
        if "NO_WORKER" not in found:
            break
        await asyncio.sleep(0.1)
    return found


async def test_switches_and_windows_are_named(app: Harness) -> None:
    result = await app.execute(app.bundle(say(1)))
    now = app.app.clock.now()
    later = once(now + timedelta(hours=1), now + timedelta(hours=2))
    scope = Scope(app.tenant.tenant_id, app.tenant.slug, ECHO_TYPE)
    await app.app.switches.turn_on("kill", Scope(), "fire", OPERATOR)
    await app.app.switches.turn_on("pause", scope, "upgrade", OPERATOR)
    await app.app.windows.add("night", "open", Scope(), later, OPERATOR, only_actions=False)
    await app.app.windows.add("deploys", "open", Scope(), later, OPERATOR)
    job = await app.job_of(result.child_runs[0])

    reasons = await app.app.explain_waiting(job.job_id, app.tenant)

    assert [reason.code for reason in reasons] == ["KILL_SWITCH", "PAUSED", "WINDOW", "NO_WORKER"]
    assert "fire" in reasons[0].message
    assert "upgrade" in reasons[1].message
    assert "night" in reasons[2].message


async def test_limits_are_named(app: Harness) -> None:
    change = app.app.limits.change
    await change(app.tenant, {"running_cap": 1}, "tests", OPERATOR)
    result = await app.execute(app.bundle(say(1), say(2)))
    rows = await app.rows("SELECT job_id FROM jobforge.waiting_jobs")
    waiting = [child.job_id for child in result.child_runs].index(rows[0]["job_id"])
    assert await codes(app, result, waiting) == ["RUNNING_CAP"]

    await change(app.tenant, {"running_cap": 9, "daily_jobs": 0}, "tests", OPERATOR)
    assert await codes(app, result, waiting) == ["DAILY_QUOTA"]

    await change(app.tenant, {"daily_jobs": None, "rate_per_minute": 1}, "tests", OPERATOR)
    assert await codes(app, result, waiting) == ["RATE"]


async def test_a_pause_after_a_failure_is_named_with_its_end(app: Harness) -> None:
    result = await app.execute(app.bundle(say(1)))
    await app.alter("UPDATE jobforge.jobs SET available_at = now() + interval '3 minutes'")
    job = await app.job_of(result.child_runs[0])

    reasons = await app.app.explain_waiting(job.job_id, app.tenant)

    assert (reasons[0].code, reasons[0].until) == ("BACKOFF", job.available_at)


async def test_what_does_not_wait_or_is_not_there_is_not_explained(app: Harness) -> None:
    result = await app.run(say(1))
    other = await app.new_tenant("other")
    job = await app.job_of(result.child_runs[0])

    with pytest.raises(Conflict, match="does not wait: it is executed"):
        await app.app.explain_waiting(job.job_id, app.tenant)
    with pytest.raises(Missing):
        await app.app.explain_waiting(job.job_id, other)
