"""What is paused waits, what a kill switch is on for ends, and limits hold what is too much."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.application import (
    ECHO_TYPE,
    OPERATOR,
    Harness,
    Text,
    change,
    look,
    make_type,
    open_harness,
    say,
)

from jobforge.adapters.engine.engine import PostgresEngine
from jobforge.adapters.runtime.process_runner import ProcessRunner
from jobforge.core.controls import Scope, once
from jobforge.core.stop import Stop
from jobforge.ports.engine import Attempt, Ending, JobRef, NotStarted
from jobforge.testing import MemoryContext
from jobforge.testing.misbehaving import MisbehavingPayload, load_catalog

if TYPE_CHECKING:
    from jobforge.adapters.postgres.access import DatabaseAccess
    from jobforge.core.context import JobContext

LINGER = "autopilot.ops.linger"
events = [asyncio.Event()]
outcomes: list[str] = []


async def linger(payload: Text, _: JobContext) -> Text:
    """Sleep far longer than any test, and note how that ended."""
    events[0].set()
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        outcomes.append("stopped")
        raise
    return payload


@pytest.fixture
async def app(
    database_access: DatabaseAccess,
    tmp_path: Path,
    clean_environment: None,  # noqa: ARG001 (asked for its effect)
) -> AsyncIterator[Harness]:
    events[:] = [asyncio.Event()]
    outcomes.clear()
    types = [make_type("linger", linger, timeout=timedelta(seconds=90))]
    async with open_harness(database_access, tmp_path, job_types=types) as harness:
        yield harness


def of_acme(app: Harness, job_type: str | None = None) -> Scope:
    return Scope(app.tenant.tenant_id, app.tenant.slug, job_type)


def scopes(app: Harness) -> dict[str, Scope]:
    return {
        "all": Scope(),
        "tenant": of_acme(app),
        "type": Scope(job_type=ECHO_TYPE),
        "both": of_acme(app, ECHO_TYPE),
    }


async def released(app: Harness) -> int:
    return await app.count("released_jobs")


@pytest.mark.parametrize("scope", ["all", "tenant", "type", "both"])
async def test_what_is_paused_waits_wherever_it_is_and_goes_on_when_it_is_resumed(
    app: Harness, scope: str
) -> None:
    before = await app.execute(app.bundle(say(1)))
    await app.app.switches.turn_on("pause", scopes(app)[scope], "upgrade", OPERATOR)
    after = await app.execute(app.bundle(say(2)))
    await app.work()

    waiting = [(await app.show(result)).summary.queued for result in (before, after)]
    job = await app.job_of(before.child_runs[0])
    await app.app.switches.turn_off("pause", scopes(app)[scope], "done", OPERATOR)
    await app.work()

    assert waiting == [1, 1]
    assert (job.status, job.attempt) == ("queued", 0)
    assert [(await app.show(result)).summary.executed for result in (before, after)] == [1, 1]
    assert await released(app) == 0


async def test_a_pause_of_a_type_or_a_tenant_holds_nobody_else(app: Harness) -> None:
    other = await app.new_tenant("other")
    await app.app.switches.turn_on("pause", of_acme(app, ECHO_TYPE), "upgrade", OPERATOR)

    mine = await app.execute(app.bundle(say(1), look(2)))
    theirs = await app.execute(app.bundle(say(1), tenant=other), tenant=other)
    await app.work()

    assert [c.status for c in (await app.show(mine)).child_runs] == ["queued", "executed"]
    assert (await app.show(theirs, other)).summary.executed == 1


async def test_a_job_whose_worker_died_waits_too_when_it_is_paused(app: Harness) -> None:
    result = await app.execute(app.bundle(say(1)))
    zombie = await begin(app, result.child_runs[0].job_id)
    assert isinstance(zombie, Attempt)
    await app.app.switches.turn_on("pause", Scope(), "upgrade", OPERATOR)

    again = await begin(app, result.child_runs[0].job_id)

    assert again == NotStarted(None)
    assert (await app.job_of(result.child_runs[0])).status == "queued"
    assert await engine(app).find_stops([zombie]) == [Stop("lost")]
    await app.app.switches.turn_off("pause", Scope(), "done", OPERATOR)
    await app.work()
    assert (await app.show(result)).summary.executed == 1


def engine(app: Harness) -> PostgresEngine:
    return PostgresEngine(app.app.database, app.app.clock, app.app.checkpoints)


async def begin(app: Harness, job_id: object) -> Attempt | NotStarted:
    (started,) = await engine(app).begin([JobRef(app.tenant.tenant_id, job_id)])  # type: ignore[arg-type]
    return started


@pytest.mark.parametrize("scope", ["all", "tenant", "type", "both"])
async def test_queued_work_that_a_kill_switch_is_on_for_ends_as_denied(
    app: Harness, scope: str
) -> None:
    result = await app.execute(app.bundle(say(1)))
    await app.app.switches.turn_on("kill", scopes(app)[scope], "bad release", OPERATOR)

    await app.work()

    (child,) = (await app.show(result)).child_runs
    assert (child.status, child.code) == ("denied", "KILL_SWITCH_ON")
    assert "a kill switch is on: bad release" in str(child.error)
    assert (await app.events())[-1] == "job.denied"


async def test_a_kill_switch_of_others_denies_nothing(app: Harness) -> None:
    other = await app.new_tenant("other")
    result = await app.execute(app.bundle(say(1)))
    for scope in (Scope(other.tenant_id, "other"), Scope(job_type=LINGER)):
        await app.app.switches.turn_on("kill", scope, "fire", OPERATOR)

    await app.work()

    assert (await app.show(result)).summary.executed == 1


async def test_outside_of_its_window_an_action_waits_and_what_only_reads_does_not(
    app: Harness,
) -> None:
    now = app.app.clock.now()
    raw = app.bundle(look(1), change(2))
    later = once(now + timedelta(hours=1), now + timedelta(hours=2))
    await app.app.windows.add("tonight", "open", Scope(), later, OPERATOR)

    result = await app.execute(raw, token=(await app.issue(raw)).token)
    await app.work()
    held = [child.status for child in (await app.show(result)).child_runs]
    await app.app.windows.remove("tonight", Scope(), OPERATOR)
    await app.work()

    assert held == ["executed", "queued"]
    assert (await app.show(result)).summary.executed == 2
    assert (app.folder / "file-2.txt").exists()


async def test_a_window_for_all_jobs_holds_all_jobs(app: Harness) -> None:
    now = app.app.clock.now()
    closed = once(now - timedelta(hours=1), now + timedelta(hours=1))
    await app.app.windows.add(
        "freeze", "closed", of_acme(app), closed, OPERATOR, only_actions=False
    )

    result = await app.run(look(1))

    assert result.summary.queued == 1


@asynccontextmanager
async def working(app: Harness) -> AsyncIterator[None]:
    worker = app.app.make_worker(10)
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await task


async def test_canceling_reaches_a_running_handler(app: Harness) -> None:
    result = await app.execute(app.bundle(say(1, job_type=LINGER)))
    async with working(app):
        async with asyncio.timeout(20):
            await events[0].wait()
        job = await app.job_of(result.child_runs[0])
        await app.app.cancel_job(job.job_id, app.tenant, OPERATOR)

        await until_stopped()

    assert (await app.job_of(result.child_runs[0])).status == "canceled"
    assert (await app.events())[-1] == "job.canceled"
    assert await app.rows("SELECT FROM pgqueuer.pgqueuer") == []


async def until_stopped() -> None:
    for _ in range(40):
        if outcomes:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the handler still runs after four seconds")


async def test_a_kill_switch_reaches_a_running_handler(app: Harness) -> None:
    result = await app.execute(app.bundle(say(1, job_type=LINGER)))
    async with working(app):
        async with asyncio.timeout(20):
            await events[0].wait()
        await app.app.switches.turn_on("kill", Scope(job_type=LINGER), "fire", OPERATOR)

        await until_stopped()

    (child,) = (await app.show(result)).child_runs
    assert (child.status, child.code) == ("denied", "KILL_SWITCH_ON")


async def test_an_attempt_that_lost_its_job_is_stopped(app: Harness) -> None:
    await app.execute(app.bundle(say(1, job_type=LINGER)))
    async with working(app):
        async with asyncio.timeout(20):
            await events[0].wait()
        await app.alter("UPDATE jobforge.jobs SET attempt = attempt + 1")

        await until_stopped()


class InProcess:
    """Runs every attempt in a process that sleeps, as a handler that computes would."""

    def __init__(self, app: Harness) -> None:
        self.app = app
        self.runner = ProcessRunner("jobforge.testing.misbehaving:load_catalog", slots=1)

    async def __call__(self, attempt: Attempt) -> Ending:
        events[0].set()
        job_type = load_catalog().find("jobforge.testing.misbehave")
        assert job_type is not None
        payload = MisbehavingPayload(deed="sleep", text="60")
        try:
            await self.runner.run(job_type, payload, (), MemoryContext())
        except asyncio.CancelledError:
            outcomes.append("stopped")
            raise
        raise AssertionError(attempt)

    def fenced(self, attempt: Attempt) -> None:
        assert attempt.number == 1

    def stopped(self, attempt: Attempt, started: datetime, stop: Stop) -> Ending:
        raise AssertionError((attempt, started, stop))


async def test_canceling_reaches_a_handler_in_a_process_of_its_own(app: Harness) -> None:
    result = await app.execute(app.bundle(say(1)))
    worker = app.app.make_worker(10)
    worker._run_job = in_process = InProcess(app)
    task = asyncio.create_task(worker.run())
    try:
        async with asyncio.timeout(30):
            await events[0].wait()
        while not in_process.runner._busy:  # noqa: ASYNC110 (its process starts)
            await asyncio.sleep(0.05)
        (child,) = in_process.runner._busy
        job = await app.job_of(result.child_runs[0])
        await app.app.cancel_job(job.job_id, app.tenant, OPERATOR)
        await until_stopped()
    finally:
        worker.stop()
        await task
        in_process.runner.close()

    assert child.process.poll() is not None
    assert (await app.job_of(result.child_runs[0])).status == "canceled"


async def test_a_running_cap_that_is_changed_holds_for_the_next_release(app: Harness) -> None:
    await app.app.limits.change(app.tenant, {"running_cap": 2}, "slowly", OPERATOR)
    await app.execute(app.bundle(*(say(n) for n in range(6))))
    low = await released(app)

    await app.app.limits.change(app.tenant, {"running_cap": 4}, "faster", OPERATOR)

    assert (low, await released(app)) == (2, 4)


async def test_under_a_rate_each_job_has_its_turn(app: Harness) -> None:
    await app.app.limits.change(app.tenant, {"rate_per_minute": 60}, "slowly", OPERATOR)
    await app.execute(app.bundle(*(say(n) for n in range(50))))
    await app.execute(app.bundle(*(say(n) for n in range(50, 90)), bundle_id="b-2"))

    rows = await app.rows(
        "SELECT extract(epoch FROM execute_after - min(execute_after) OVER ())::float AS after, "
        "octet_length(payload) AS size FROM pgqueuer.pgqueuer ORDER BY execute_after"
    )

    assert 44 <= len(rows) <= 47, "what has its turn before the next sweep"
    assert {row["size"] for row in rows} == {32}, "one job a row"
    assert [round(row["after"]) for row in rows] == list(range(len(rows)))


async def test_a_rate_left_in_the_future_by_a_wrong_clock_is_forgotten(app: Harness) -> None:
    await app.app.limits.change(app.tenant, {"rate_per_minute": 60}, "slowly", OPERATOR)
    await app.alter("UPDATE jobforge.tenant_slots SET rate_free_at = now() + interval '1 day'")

    await app.execute(app.bundle(say(1)))

    assert await released(app) == 1


async def test_a_quota_of_a_day_holds_the_rest_until_the_next_or_until_it_is_raised(
    app: Harness,
) -> None:
    await app.app.limits.change(app.tenant, {"daily_jobs": 3}, "trial", OPERATOR)
    result = await app.execute(app.bundle(*(say(n) for n in range(9))))
    await app.work()
    first = (await app.show(result)).summary.executed

    await app.app.limits.change(app.tenant, {"daily_jobs": 5}, "two more", OPERATOR)
    await app.work()
    raised = (await app.show(result)).summary.executed
    await app.alter("UPDATE jobforge.tenant_slots SET day = day - 1")
    await app.work()

    assert (first, raised, (await app.show(result)).summary.executed) == (3, 5, 9)


async def test_an_attempt_without_an_end_is_kept_among_the_errors(app: Harness) -> None:
    result = await app.execute(app.bundle(say(1)))
    await begin(app, result.child_runs[0].job_id)

    await app.work()

    job = await app.job_of(result.child_runs[0])
    (error,) = json.loads(job.attempt_errors)
    assert (job.status, job.attempt) == ("executed", 2)
    assert (error["attempt"], error["message"]) == (1, "the worker that ran it was lost")


async def test_a_job_put_off_by_a_wrong_clock_is_begun(app: Harness) -> None:
    result = await app.execute(app.bundle(say(1)))
    await app.alter("UPDATE jobforge.jobs SET available_at = now() + interval '1 hour'")

    await app.work()

    assert (await app.show(result)).summary.executed == 1
