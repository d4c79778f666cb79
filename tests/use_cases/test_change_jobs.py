"""Canceling and retrying many jobs by a filter: what was previewed, and no more."""

from __future__ import annotations

import pytest
from tests.application import ECHO_TYPE, OPERATOR, Harness, change, look, say

from jobforge.core.errors import InvalidInput
from jobforge.ports.jobs import JobFilter
from jobforge.testing.admission import ACTION_TYPE


async def test_what_waits_is_canceled_by_type_and_runs_close(app: Harness) -> None:
    result = await app.execute(app.bundle(*(say(n) for n in range(5)), look(9)))
    wanted = JobFilter(job_type=ECHO_TYPE)

    seen = await app.app.change_jobs.preview("cancel", wanted, app.tenant)
    changed = await app.app.change_jobs("cancel", wanted, seen, app.tenant, OPERATOR)
    await app.work()

    assert (seen.by_type, seen.count, changed) == ({ECHO_TYPE: 5}, 5, 5)
    shown = await app.show(result)
    assert [child.code for child in shown.child_runs] == 5 * ["CANCELED"] + [None]
    assert (await app.events()).count("job.canceled") == 5
    (run,) = await app.app.show_run.newest(app.tenant, 1)
    assert (run.status, run.open_children) == ("closed", 0)


async def test_what_failed_is_retried_in_batches_and_actions_are_left_out(app: Harness) -> None:
    await app.app.limits.change(app.tenant, {"running_cap": 500}, "many", OPERATOR)
    raw = app.bundle(change(1), bundle_id="action")
    await app.execute(raw, token=(await app.issue(raw)).token)
    for batch in range(5):
        requests = (say(100 * batch + n) for n in range(50))
        await app.execute(app.bundle(*requests, bundle_id=f"b-{batch}"))
    app.switch()
    await app.work()
    app.switch(autopilot_jobs=True, action_jobs=True)
    wanted = JobFilter(status="denied")

    seen = await app.app.change_jobs.preview("retry", wanted, app.tenant)
    changed = await app.app.change_jobs("retry", wanted, seen, app.tenant, OPERATOR)
    await app.work()

    assert (seen.by_type, seen.skipped, changed) == ({ECHO_TYPE: 250}, 1, 250)
    rows = await app.rows("SELECT job_type, status, count(*) FROM jobforge.jobs GROUP BY 1, 2")
    assert {tuple(row) for row in rows} == {
        (ECHO_TYPE, "executed", 250),
        (ACTION_TYPE, "denied", 1),
    }
    (verdict,) = await app.app.verify_audit(app.tenant)
    assert verdict.is_intact


async def test_jobs_that_came_after_the_preview_are_not_changed(app: Harness) -> None:
    before = await app.execute(app.bundle(say(1)))
    seen = await app.app.change_jobs.preview("cancel", JobFilter(), app.tenant)
    after = await app.execute(app.bundle(say(2)))

    changed = await app.app.change_jobs("cancel", JobFilter(), seen, app.tenant, OPERATOR)

    assert changed == 1
    assert (await app.show(before)).child_runs[0].code == "CANCELED"
    assert (await app.show(after)).summary.queued == 1


async def test_jobs_of_another_tenant_are_neither_counted_nor_changed(app: Harness) -> None:
    other = await app.new_tenant("other")
    result = await app.execute(app.bundle(say(1), tenant=other), tenant=other)

    seen = await app.app.change_jobs.preview("cancel", JobFilter(), app.tenant)
    await app.app.change_jobs("cancel", JobFilter(), seen, app.tenant, OPERATOR)

    assert seen.count == 0
    assert (await app.show(result, other)).summary.queued == 1


async def test_a_status_that_the_change_does_not_take_is_refused(app: Harness) -> None:
    with pytest.raises(InvalidInput, match="jobs that are executed cannot be changed so"):
        await app.app.change_jobs.preview("retry", JobFilter(status="executed"), app.tenant)
