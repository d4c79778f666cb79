"""Any order of what can happen to jobs, on the real database, held against the table of moves."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args
from uuid import UUID

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.application import OPERATOR, Harness, open_harness, say
from typing_extensions import override

from jobforge.adapters.engine.engine import PostgresEngine
from jobforge.contract.results import JobStatus
from jobforge.core.audit import AuditEntry
from jobforge.core.controls import Scope
from jobforge.core.errors import Conflict
from jobforge.core.lifecycle import TERMINAL, JobEvent, attempts_after_retry, next_status
from jobforge.ports.engine import Attempt, Ending, JobRef

if TYPE_CHECKING:
    from jobforge.adapters.postgres.access import DatabaseAccess
    from jobforge.ports.records import TenantRecord

MAX_ATTEMPTS = 3
_ENDS: dict[str, JobEvent] = {
    "executed": "succeed",
    "error": "fail",
    "denied": "deny",
    "queued": "fail_retryable",
}


@dataclass
class Expected:
    """A job as the table of moves says it is."""

    status: JobStatus = "queued"
    attempt: int = 0
    limit: int = MAX_ATTEMPTS
    errors: int = 0


@dataclass
class World:
    """One application for all examples; each has a tenant of its own."""

    runner: asyncio.Runner
    app: Harness
    tenants: int = 0

    @property
    def engine(self) -> PostgresEngine:
        return PostgresEngine(self.app.app.database, self.app.app.clock, self.app.app.checkpoints)


class LifeOfJobs(RuleBasedStateMachine):
    """Submits, begins, settles (late, too), cancels, retries, pauses and sweeps in any order."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.world.tenants += 1
        self.tenant: TenantRecord = self.do(self.world.app.new_tenant(f"t-{self.world.tenants}"))
        self.jobs: dict[UUID, Expected] = {}
        self.attempts: list[Attempt] = []
        self.is_paused = False
        self.number = 0

    def do(self, work: Any) -> Any:  # noqa: ANN401 (whatever it gives)
        return self.world.runner.run(work)

    @rule(count=st.integers(1, 3))
    def submit(self, count: int) -> None:
        first = self.number
        self.number += count
        app = self.world.app
        requests = [say(first + n) for n in range(count)]
        raw = app.bundle(*requests, tenant=self.tenant, bundle_id=f"b-{first}")
        result = self.do(app.execute(raw, tenant=self.tenant))
        for child in result.child_runs:
            assert child.job_id is not None
            self.jobs[child.job_id] = Expected()

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.jobs)))
        job = self.jobs[job_id]
        (answer,) = self.do(self.world.engine.begin([JobRef(self.tenant.tenant_id, job_id)]))

        event: JobEvent = "hold" if self.is_paused else "begin"
        moved = next_status(job.status, event, attempt=job.attempt, max_attempts=job.limit)
        assert isinstance(answer, Attempt) == (event == "begin" and moved is not None)
        if isinstance(answer, Attempt):
            job.errors += job.status == "running"
            job.attempt += 1
            assert answer.number == job.attempt
            self.attempts.append(answer)
        job.status = moved or job.status

    @precondition(lambda self: self.attempts)
    @rule(data=st.data(), end=st.sampled_from(sorted(_ENDS)))
    def settle(self, data: st.DataObject, end: str) -> None:
        attempt = data.draw(st.sampled_from(self.attempts))
        job = self.jobs[attempt.ref.job_id]
        event = _ENDS[end]
        moved = next_status(job.status, event, attempt=attempt.number, max_attempts=job.limit)
        if end == "queued" and moved == "error":
            end = "error"
        holds = job.status == "running" and attempt.number == job.attempt

        (is_accepted,) = self.do(self.world.engine.settle([self.ending(attempt, end)]))

        assert is_accepted == holds
        if holds:
            assert moved is not None
            job.status = moved
            job.errors += end != "executed"

    def ending(self, attempt: Attempt, status: Any) -> Ending:  # noqa: ANN401 (one of four words)
        at = self.world.app.app.clock.now()
        subject = f"job:{attempt.ref.job_id}"
        entry = AuditEntry(self.tenant.tenant_id, at, "worker", "job.settled", subject)
        error = None if status == "executed" else json.dumps({"code": "X", "message": "x"})
        retry_at = at if status == "queued" else None
        return Ending(attempt, status, entry, result="{}", error=error, retry_at=retry_at)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), change=st.sampled_from(["cancel", "retry"]))
    def change(self, data: st.DataObject, change: Any) -> None:  # noqa: ANN401 (one of two words)
        job_id = data.draw(st.sampled_from(sorted(self.jobs)))
        job = self.jobs[job_id]
        moved = next_status(job.status, change, attempt=job.attempt, max_attempts=job.limit)
        app = self.world.app.app
        act = app.cancel_job if change == "cancel" else app.retry_job
        if moved is None:
            with pytest.raises(Conflict):
                self.do(act(job_id, self.tenant, OPERATOR))
            return

        self.do(act(job_id, self.tenant, OPERATOR))

        job.status = moved
        if change == "retry":
            job.limit = min(attempts_after_retry(job.attempt, allowance=MAX_ATTEMPTS), 100)

    @rule()
    def pause_or_resume(self) -> None:
        switches = self.world.app.app.switches
        turn = switches.turn_off if self.is_paused else switches.turn_on
        scope = Scope(self.tenant.tenant_id, self.tenant.slug)
        self.do(turn("pause", scope, "model", OPERATOR))
        self.is_paused = not self.is_paused

    @rule()
    def sweep(self) -> None:
        self.do(self.world.engine.sweep())

    @invariant()
    def rows_are_as_the_table_says(self) -> None:
        shown = self.do(self.look())
        for job_id, job in self.jobs.items():
            record, is_live = shown[job_id]
            assert (record.status, record.attempt) == (job.status, job.attempt)
            assert record.max_attempts == job.limit
            assert len(json.loads(record.attempt_errors)) == job.errors, "all errors are kept"
            assert is_live == (job.status not in TERMINAL), "what is live waits or is released"

    async def look(self) -> dict[UUID, Any]:
        async with self.world.app.app.database.transaction(self.tenant.tenant_id) as connection:
            live = [r["job_id"] for r in await connection.fetch(_LIVE)]
            runs = await connection.fetch(_OPEN)
        assert len(live) == len(set(live))
        assert [r["run_id"] for r in runs if r["open_children"] != r["live"]] == []
        assert all((r["status"] == "open") == (r["live"] > 0) for r in runs)
        async with self.world.app.app.storage.transaction(self.tenant.tenant_id) as unit:
            return {job: (await unit.jobs.find(job), job in live) for job in self.jobs}

    @override
    def teardown(self) -> None:
        (verdict,) = self.do(self.world.app.app.verify_audit(self.tenant))
        assert verdict.is_intact


_LIVE = """
    SELECT job_id FROM jobforge.waiting_jobs UNION ALL SELECT job_id FROM jobforge.released_jobs
"""
_OPEN = """
    SELECT run.run_id, run.status, run.open_children,
        count(*) FILTER (WHERE job.status IN ('queued', 'running')) AS live
    FROM jobforge.bundle_runs AS run JOIN jobforge.jobs AS job USING (tenant_id, run_id)
    GROUP BY run.run_id, run.status, run.open_children
"""


def test_every_status_and_event_of_the_table_is_known_to_the_model() -> None:
    ended = {"time_limit"}  # the same move as a failure that may be tried again

    assert set(get_args(JobEvent)) == {*_ENDS.values(), "begin", "hold", "cancel", "retry"} | ended


def run_model(access: DatabaseAccess, folder: Path, examples: int) -> None:
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        stack = AsyncExitStack()
        app = runner.run(stack.enter_async_context(open_harness(access, folder)))
        machine = type("Machine", (LifeOfJobs,), {"world": World(runner, app)})
        profile = hypothesis.settings(
            max_examples=examples, stateful_step_count=25, deadline=None, database=None
        )
        try:
            hypothesis.stateful.run_state_machine_as_test(machine, settings=profile)
        finally:
            runner.run(stack.aclose())


@pytest.mark.usefixtures("clean_environment")
def test_jobs_live_as_the_table_says(database_access: DatabaseAccess, tmp_path: Path) -> None:
    run_model(database_access, tmp_path, 20)


@pytest.mark.soak
@pytest.mark.usefixtures("clean_environment")
@pytest.mark.timeout(3_600)
def test_jobs_live_as_the_table_says_at_length(
    database_access: DatabaseAccess, tmp_path: Path
) -> None:
    run_model(database_access, tmp_path, 1_000)
