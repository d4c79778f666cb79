"""Canceling and retrying jobs."""

from __future__ import annotations

from uuid import UUID

import pytest
from tests.application import OPERATOR, Harness, change, look

from jobforge.core.errors import Conflict, Denied, Missing


def first(job_id: UUID | None) -> UUID:
    assert job_id is not None
    return job_id


async def test_a_waiting_job_is_canceled_once_and_its_run_closes(app: Harness) -> None:
    result = await app.execute(app.bundle(look(1)))
    job_id = first(result.child_runs[0].job_id)

    await app.app.cancel_job(job_id, app.tenant, OPERATOR)
    await app.work()

    with pytest.raises(Conflict, match="has ended already: canceled"):
        await app.app.cancel_job(job_id, app.tenant, OPERATOR)
    (run,) = await app.app.show_run.newest(app.tenant, 1)
    assert (run.status, run.open_children) == ("closed", 0)
    shown = await app.show(result)
    assert (shown.success, shown.summary.executed, shown.summary.errors) == (False, 0, 1)
    assert (await app.events()).count("job.canceled") == 1


async def test_canceling_makes_room_for_the_next_job(app: Harness) -> None:
    await app.alter("UPDATE jobforge.tenants SET release_cap = 1")
    result = await app.execute(app.bundle(look(1), look(2)))
    (waiting,) = await app.rows("SELECT job_id FROM jobforge.waiting_jobs")
    (released,) = {first(c.job_id) for c in result.child_runs} - {waiting["job_id"]}

    await app.app.cancel_job(released, app.tenant, OPERATOR)
    await app.work()

    assert (await app.show(result)).summary.executed == 1


async def test_a_failed_job_is_queued_anew_with_fresh_attempts_and_keeps_its_errors(
    app: Harness,
) -> None:
    result = await app.execute(app.bundle(look(1)))
    job_id = first(result.child_runs[0].job_id)
    app.switch()
    await app.work()
    app.switch(autopilot_jobs=True)

    await app.app.retry_job(job_id, app.tenant, OPERATOR)
    reopened = await app.show(result)
    await app.work()

    job = await app.app.show_job(job_id, app.tenant)
    assert (reopened.summary.queued, (await app.show(result)).summary.executed) == (1, 1)
    assert (job.status, job.attempt, job.max_attempts, job.error) == ("executed", 2, 4, None)
    assert '"attempt": 1' in job.attempt_errors
    (run,) = await app.app.show_run.newest(app.tenant, 1)
    assert run.status == "closed"
    assert (await app.events())[-3:] == ["job.denied", "job.retried_by_operator", "job.executed"]


async def test_retrying_again_and_again_gives_the_same_number_of_attempts_each_time(
    app: Harness,
) -> None:
    result = await app.execute(app.bundle(look(1)))
    job_id = first(result.child_runs[0].job_id)

    for attempt in range(1, 4):
        app.switch()
        await app.work()
        app.switch(autopilot_jobs=True)
        await app.app.retry_job(job_id, app.tenant, OPERATOR)
        job = await app.app.show_job(job_id, app.tenant)
        assert (job.attempt, job.max_attempts) == (attempt, attempt + 3)


async def test_what_was_executed_or_still_waits_is_not_retried(app: Harness) -> None:
    executed = await app.run(look(1))
    waiting = await app.execute(app.bundle(look(2)))

    for result, status in ((executed, "executed"), (waiting, "queued")):
        with pytest.raises(Conflict, match=f"is {status}; only one that failed"):
            await app.app.retry_job(first(result.child_runs[0].job_id), app.tenant, OPERATOR)
    assert (await app.show(executed)).summary.executed == 1
    assert "job.retried_by_operator" not in await app.events()


async def test_an_action_is_not_retried(app: Harness) -> None:
    raw = app.bundle(change(1))
    result = await app.execute(raw, token=(await app.issue(raw)).token)
    job_id = first(result.child_runs[0].job_id)
    await app.app.cancel_job(job_id, app.tenant, OPERATOR)

    with pytest.raises(Denied, match="its policy token was for one use"):
        await app.app.retry_job(job_id, app.tenant, OPERATOR)

    await app.work()
    assert not (app.folder / "file-1.txt").exists()


async def test_a_job_of_another_tenant_is_missing(app: Harness) -> None:
    result = await app.execute(app.bundle(look(1)))
    other = await app.new_tenant("other")
    job_id = first(result.child_runs[0].job_id)

    for act in (app.app.cancel_job, app.app.retry_job):
        with pytest.raises(Missing, match=f"there is no job {job_id}"):
            await act(job_id, other, OPERATOR)
    assert (await app.show(result)).summary.queued == 1
