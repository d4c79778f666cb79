"""Promise 1: with no flag set nothing runs, and a disabled call answers in its usual form."""

from __future__ import annotations

import pytest
from tests.application import OPERATOR, Harness, change, look

from jobforge.bootstrap import read_switches
from jobforge.core.admission import Switches
from jobforge.core.answer import to_denied_answer
from jobforge.core.single_request import to_bundle
from jobforge.steps.intake import Submission
from jobforge.testing.admission import ACTION_TYPE, READ_TYPE


@pytest.mark.usefixtures("clean_environment")
def test_both_switches_are_off_unless_someone_turned_them_on() -> None:
    assert read_switches() == Switches(autopilot_jobs=False, action_jobs=False)


async def test_with_the_switch_off_nothing_is_queued_and_the_answer_has_its_usual_form(
    app: Harness,
) -> None:
    app.switch()

    result = await app.execute(app.bundle(look(1), look(2)))

    assert not result.success
    assert result.manifest.error is not None
    assert result.manifest.error["code"] == "FEATURE_FLAG_DISABLED"
    assert result.manifest.status == "failed"
    assert result.child_runs == ()
    assert (result.summary.errors, result.summary.executed) == (1, 0)
    assert await app.count("jobs") == 0
    assert await app.count("idempotency_keys") == 0


async def test_a_disabled_single_job_says_so_in_its_data(app: Harness) -> None:
    app.switch()
    bundle = to_bundle(READ_TYPE, {"ticket_id": "T-1"}, tenant="acme", key="k")
    submission = Submission(app.tenant, OPERATOR, "execute")

    answer = to_denied_answer(await app.app.submit_bundle.translated(bundle, submission), READ_TYPE)

    assert (answer.success, answer.status, answer.job_id) == (False, "denied", None)
    assert answer.data == {"disabled": True, "reason": "Autopilot jobs are disabled"}
    assert answer.manifest is not None
    assert answer.manifest.status == "failed"


async def test_with_the_second_switch_off_an_action_is_denied_even_with_its_token(
    app: Harness,
) -> None:
    raw = app.bundle(change(1))
    issued = await app.issue(raw)
    app.switch(autopilot_jobs=True)

    result = await app.execute(raw, token=issued.token)

    assert [child.code for child in result.child_runs] == ["FEATURE_FLAG_DISABLED"]
    assert result.summary.action_jobs_blocked == 1
    assert await app.count("policy_grants") == 0


async def test_a_switch_turned_off_after_queueing_ends_the_jobs_as_denied(app: Harness) -> None:
    queued = await app.execute(app.bundle(look(1), look(2)))
    app.switch()

    await app.work()

    result = await app.show(queued)
    assert [child.status for child in result.child_runs] == ["denied", "denied"]
    assert {child.code for child in result.child_runs} == {"FEATURE_FLAG_DISABLED"}
    assert (result.success, result.summary.executed) == (False, 0)
    assert (await app.events())[-2:] == ["job.denied", "job.denied"]


async def test_the_action_switch_turned_off_after_queueing_keeps_the_world_as_it_is(
    app: Harness,
) -> None:
    raw = app.bundle(change(1), look(2))
    queued = await app.execute(raw, token=(await app.issue(raw)).token)
    app.switch(autopilot_jobs=True)

    await app.work()

    result = await app.show(queued)
    assert [child.status for child in result.child_runs] == ["denied", "executed"]
    assert not (app.folder / "file-1.txt").exists()


async def test_a_token_may_be_issued_while_everything_is_off(app: Harness) -> None:
    app.switch()

    issued = await app.issue(app.bundle(change(1)))

    assert issued.job_types == (ACTION_TYPE,)
