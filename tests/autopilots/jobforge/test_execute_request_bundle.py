"""The executor as a job: it decides nothing itself, carries no token, and starts one run only."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.application import OPERATOR, Harness, change, look, say
from tests.promises.test_secrets import CANARY, dump

from jobforge.autopilots.jobforge import EXECUTE_REQUEST_BUNDLE
from jobforge.core.admission import Switches
from jobforge.core.errors import PolicyTokenRefused
from jobforge.core.single_request import to_bundle
from jobforge.core.starting import EXECUTOR, BundleOrder
from jobforge.steps.intake import Submission

if TYPE_CHECKING:
    from jobforge.contract.results import BundleResult


async def queue(app: Harness, raw: bytes, token: str | None = None) -> BundleResult:
    submission = Submission(app.tenant, OPERATOR, "execute")
    return await app.app.queue_bundle(raw, submission, policy_token=token)


async def submit(app: Harness, payload: dict[str, Any], key: str = "outer") -> BundleResult:
    bundle = to_bundle(EXECUTOR, payload, tenant="acme", key=key)
    submission = Submission(app.tenant, OPERATOR, "execute")
    return await app.app.submit_bundle.translated(bundle, submission)


async def inner_of(app: Harness, outer: BundleResult) -> dict[str, Any]:
    """What the executor's job gave."""
    job = await app.job_of(outer.child_runs[0])
    assert job.result is not None, job.error
    result: dict[str, Any] = json.loads(job.result)
    return result


async def test_a_queued_bundle_is_decided_and_run_by_a_worker(app: Harness) -> None:
    outer = await queue(app, app.bundle(look(1), say(2)))
    before = await app.count("jobs")

    await app.work()

    assert before == 1
    inner = await inner_of(app, outer)
    (run,) = await app.rows(
        "SELECT status FROM jobforge.bundle_runs WHERE run_id = $1::uuid", inner["bundle_run_id"]
    )
    assert inner["summary"]["queued"] == 2
    assert run["status"] == "closed"
    assert await app.count("jobs") == 3


async def test_an_action_runs_by_the_grant_that_was_put_aside_and_no_token_is_kept(
    app: Harness,
) -> None:
    raw = app.bundle(change(1))
    issued = await app.issue(raw)

    outer = await queue(app, raw, issued.token)
    job = await app.job_of(outer.child_runs[0])
    await app.work()

    assert json.loads(job.payload)["grant_id"] == str(issued.jti)
    assert (app.folder / "file-1.txt").read_text() == "new"
    assert issued.token not in await dump(app)
    (grant,) = await app.rows("SELECT consumed_by FROM jobforge.policy_grants")
    assert str(grant["consumed_by"]) == (await inner_of(app, outer))["bundle_run_id"]


async def test_a_grant_permits_one_use_of_its_own_plan_and_nothing_else(app: Harness) -> None:
    raw = app.bundle(change(1))
    issued = await app.issue(raw)
    outer = await queue(app, raw, issued.token)
    digest = json.loads((await app.job_of(outer.child_runs[0])).payload)["bundle_digest"]
    await app.work()
    order = {"bundle_digest": digest, "mode": "execute", "grant_id": str(issued.jti)}

    with pytest.raises(PolicyTokenRefused) as again:
        await queue(app, raw, issued.token)
    direct = await app.execute(app.bundle(change(1, idempotency_key="k")), token=issued.token)
    other = await submit(app, order | {"occurrence": "2"})
    await app.work()

    assert again.value.refusal_code == "POLICY_TOKEN_USED"
    assert [child.code for child in direct.child_runs] == ["POLICY_TOKEN_USED"]
    assert (await inner_of(app, other))["child_runs"][0]["code"] == "POLICY_TOKEN_USED"


async def test_a_token_that_was_put_aside_is_used_by_nobody_else(app: Harness) -> None:
    raw = app.bundle(change(1))
    issued = await app.issue(raw)
    await queue(app, raw, issued.token)

    direct = await app.execute(raw, token=issued.token)

    assert [child.code for child in direct.child_runs] == ["POLICY_TOKEN_USED"]


async def test_a_grant_of_another_plan_or_a_revoked_one_permits_nothing(app: Harness) -> None:
    raw = app.bundle(change(1))
    issued = await app.issue(raw)
    with pytest.raises(PolicyTokenRefused):
        await queue(app, app.bundle(change(2)), issued.token)
    outer = await queue(app, raw, issued.token)
    await app.app.revoke_token(issued.jti, app.tenant, OPERATOR)

    await app.work()

    assert (await inner_of(app, outer))["child_runs"][0]["code"] == "POLICY_TOKEN_REVOKED"
    assert not (app.folder / "file-1.txt").exists()


async def test_another_attempt_of_the_same_job_gets_the_run_of_the_earlier_one(
    app: Harness,
) -> None:
    outer = await queue(app, app.bundle(look(1)))
    await app.work()
    first = await inner_of(app, outer)

    # As a worker leaves it that dies after the bundle was written and before its job was settled.
    await app.alter(
        "UPDATE jobforge.bundle_runs SET status = 'open', open_children = 1 WHERE run_id IN "
        "(SELECT run_id FROM jobforge.jobs WHERE job_type LIKE '%execute_request_bundle')",
        "UPDATE jobforge.jobs SET status = 'running' WHERE job_type LIKE '%execute_request_bundle'",
        "DELETE FROM jobforge.job_results AS ended USING jobforge.jobs AS job "
        "WHERE job.job_id = ended.job_id AND job.status = 'running'",
        "INSERT INTO jobforge.released_jobs "
        "SELECT tenant_id, job_id, lane, now() - interval '1 hour' FROM jobforge.jobs "
        "WHERE status = 'running'",
    )
    await app.work()

    second = await inner_of(app, outer)
    assert second["bundle_run_id"] == first["bundle_run_id"]
    assert second["summary"]["skipped"] == 0
    assert await app.count("jobs") == 2
    assert await app.count("bundle_runs") == 2


async def test_a_bundle_of_any_dialect_is_verified_before_its_job_is_queued(app: Harness) -> None:
    document = json.loads(app.bundle(say(1, text=f"my key is {CANARY}")))
    good = await submit(app, {"request_bundle": document, "mode": "execute"})
    bad = await submit(app, {"request_bundle": document | {"requests": []}}, "bad")
    forged = await submit(app, {"bundle": {"requests": []}}, "forged")
    both = await submit(app, {}, "neither")
    await app.work()

    assert (await inner_of(app, good))["summary"]["queued"] == 1
    assert CANARY not in await dump(app)
    assert [r.child_runs[0].code for r in (bad, forged, both)] == 3 * ["PAYLOAD_INVALID"]
    assert "/request_bundle/requests" in bad.child_runs[0].reason


async def test_a_token_inside_a_queued_bundle_is_refused(app: Harness) -> None:
    payload = change(1)["payload"] | {"policy_token": "x"}
    document = json.loads(app.bundle(change(1, payload=payload)))

    result = await submit(app, {"request_bundle": document, "mode": "execute"})

    assert [child.code for child in result.child_runs] == ["PAYLOAD_INVALID"]


async def test_a_bundle_may_not_contain_the_executor(app: Harness) -> None:
    result = await app.execute(app.bundle(look(1, job_type=EXECUTOR, payload={})))

    assert [child.code for child in result.child_runs] == ["EXECUTOR_NESTED"]


async def test_only_who_holds_every_read_scope_may_queue_the_executor(app: Harness) -> None:
    weak = replace(OPERATOR, scopes=frozenset({"ops:read"}))
    submission = Submission(app.tenant, weak, "execute")

    result = await app.app.queue_bundle(app.bundle(look(1)), submission)

    assert [child.code for child in result.child_runs] == ["SCOPE_MISSING"]
    assert await app.count("stored_bundles") == 0


async def test_a_switch_turned_off_meanwhile_ends_the_executor_as_denied(app: Harness) -> None:
    raw = app.bundle(change(1))
    issued = await app.issue(raw)
    outer = await queue(app, raw, issued.token)
    app.switches[0] = Switches(autopilot_jobs=False, action_jobs=True)

    await app.work()

    shown = await app.show(outer)
    assert [child.code for child in shown.child_runs] == ["FEATURE_FLAG_DISABLED"]
    assert await app.count("policy_grants") == 0


async def test_switched_off_nothing_is_queued_and_no_token_is_put_aside(app: Harness) -> None:
    raw = app.bundle(change(1))
    issued = await app.issue(raw)
    app.switch(autopilot_jobs=False, action_jobs=False)

    result = await queue(app, raw, issued.token)

    assert result.manifest.error is not None
    assert result.manifest.error["code"] == "FEATURE_FLAG_DISABLED"
    assert await app.count("pending_grants") == 0


async def test_a_refused_bundle_is_no_success_of_the_job_that_handed_it_in(app: Harness) -> None:
    raw = app.bundle(look(1), project_id="99999999-9999-4999-8999-999999999999")
    outer = await queue(app, raw)

    await app.work()

    shown = await app.show(outer)
    assert [child.status for child in shown.child_runs] == ["error"]
    assert "PROJECT_UNKNOWN" in shown.child_runs[0].reason


def test_the_examples_are_valid() -> None:
    for example in EXECUTE_REQUEST_BUNDLE.examples:
        assert isinstance(EXECUTE_REQUEST_BUNDLE.parse_payload(example), BundleOrder)
    for result in EXECUTE_REQUEST_BUNDLE.result_examples:
        EXECUTE_REQUEST_BUNDLE.result.model_validate_json(json.dumps(result))
