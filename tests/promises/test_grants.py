"""Promises 2 and 3: the catalogue decides what is an action, and no action runs without a grant."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from tests.application import OPERATOR, SECRET, Harness, change, look, say

from jobforge.contract.dialects import read_bundle
from jobforge.contract.results import BundleResult
from jobforge.core.errors import InvalidInput
from jobforge.core.policy_token import read_token, sign_token
from jobforge.core.signing import Keyring
from jobforge.ports.records import NewGrant
from jobforge.steps.intake import Submission
from jobforge.steps.judge_token import JudgeToken
from jobforge.use_cases.issue_token import TokenWish
from jobforge.use_cases.submit_bundle import SubmitBundle

ANOTHER_SECRET = "another secret, of somebody who is not us: 32 bytes"  # noqa: S105 (for tests only)


def codes(result: BundleResult) -> list[str | None]:
    return [child.code for child in result.child_runs]


@pytest.mark.parametrize("claim", [False, True])
async def test_an_action_needs_a_token_whatever_the_bundle_calls_it(
    app: Harness, claim: bool
) -> None:
    result = await app.execute(app.bundle(change(1, is_action_job=claim)))

    assert codes(result) == ["POLICY_TOKEN_REQUIRED"]
    assert result.summary.action_jobs_blocked == 1
    assert await app.count("jobs") == 0


async def test_a_bundle_may_only_make_a_request_stricter(app: Harness) -> None:
    result = await app.execute(app.bundle(look(1, is_action_job=True)))

    assert codes(result) == ["POLICY_TOKEN_REQUIRED"]
    assert result.summary.action_jobs_blocked == 1


async def test_what_the_catalogue_does_not_have_is_denied_and_the_rest_goes_on(
    app: Harness,
) -> None:
    nested = "jobforge.autopilot.execute_request_bundle"

    result = await app.execute(
        app.bundle(
            look(1),
            look(2, job_type="autopilot.ops.invented"),
            look(3, job_type=nested),
            look(4, payload={"ticket_id": 4}),
            look(5, required_scopes=["ops:write"]),
            look(6, required_scopes=["everything"]),
        )
    )

    wanted = ["UNKNOWN_JOB_TYPE", "EXECUTOR_NESTED", "PAYLOAD_INVALID", *2 * ["SCOPE_MISSING"]]
    assert codes(result) == [None, *wanted]
    assert await app.count("jobs") == 1


async def test_without_a_token_the_whole_bundle_is_denied_unless_the_caller_asks_otherwise(
    app: Harness,
) -> None:
    raw = app.bundle(look(1), change(2))

    everything = await app.execute(raw)
    actions_only = await app.execute(raw, on_policy_failure="deny_actions")

    assert codes(everything) == ["DENIED_WITH_BUNDLE", "POLICY_TOKEN_REQUIRED"]
    assert codes(actions_only) == [None, "POLICY_TOKEN_REQUIRED"]
    assert [child.status for child in actions_only.child_runs] == ["queued", "denied"]


@pytest.mark.parametrize("token", ["x", "a" * 64, "eyJhbGciOiJub25lIn0.e30.", ""])
async def test_what_nobody_signed_is_no_token(app: Harness, token: str) -> None:
    result = await app.execute(app.bundle(change(1)), token=token)

    assert codes(result) == ["POLICY_TOKEN_INVALID"]


async def test_the_action_runs_once_with_its_token_and_the_job_carries_only_the_grants_id(
    app: Harness,
) -> None:
    raw = app.bundle(change(1))
    issued = await app.issue(raw)

    queued = await app.execute(raw, token=issued.token)
    await app.work()

    assert (app.folder / "file-1.txt").read_text() == "new"
    assert (await app.show(queued)).summary.executed == 1
    (job,) = await app.rows("SELECT grant_jti, payload::text FROM jobforge.jobs")
    assert job["grant_jti"] == str(issued.jti)
    (grant,) = await app.rows("SELECT * FROM jobforge.policy_grants")
    assert grant["consumed_by"] == queued.bundle_run_id


async def test_the_same_token_with_new_keys_was_used(app: Harness) -> None:
    raw = app.bundle(change(1))
    issued = await app.issue(raw)
    await app.execute(raw, token=issued.token)

    again = await app.execute(app.bundle(change(1, idempotency_key="new")), token=issued.token)

    assert codes(again) == ["POLICY_TOKEN_USED"]
    assert await app.count("jobs") == 1


async def test_planning_uses_up_neither_token_nor_keys(app: Harness) -> None:
    raw = app.bundle(change(1))
    issued = await app.issue(raw)

    planned = await app.plan(raw, token=issued.token)
    executed = await app.execute(raw, token=issued.token)

    assert [child.status for child in planned.child_runs] == ["accepted"]
    assert [child.status for child in executed.child_runs] == ["queued"]
    assert planned.plan_digest == executed.plan_digest == issued.plan_digest


async def test_of_64_executions_at_once_with_one_token_exactly_one_runs(app: Harness) -> None:
    raw = app.bundle(change(1))
    issued = await app.issue(raw)

    results = await asyncio.gather(*(app.execute(raw, token=issued.token) for _ in range(64)))

    assert sum(result.summary.queued for result in results) == 1
    others = {code for result in results if not result.summary.queued for code in codes(result)}
    assert others <= {"ALREADY_SUBMITTED", "POLICY_TOKEN_USED"}
    assert await app.count("jobs") == 1
    assert await app.count("policy_grants") == 1


async def test_of_64_uses_at_once_of_one_grant_exactly_one_is_written(app: Harness) -> None:
    at = app.app.clock.now()
    grant = NewGrant("j", "h", "a", "p", "e", (), (), at, at, UUID(int=1))

    async def use() -> bool:
        async with app.app.storage.transaction(app.tenant.tenant_id) as unit:
            return await unit.grants.consume(grant)

    assert sum(await asyncio.gather(*(use() for _ in range(64)))) == 1


async def test_a_revoked_token_is_refused_before_and_after_its_use(app: Harness) -> None:
    raw = app.bundle(change(1))
    issued = await app.issue(raw)

    is_new = await app.app.revoke_token(issued.jti, app.tenant, OPERATOR)
    refused = await app.execute(raw, token=issued.token)

    assert is_new
    assert not await app.app.revoke_token(issued.jti, app.tenant, OPERATOR)
    assert codes(refused) == ["POLICY_TOKEN_REVOKED"]
    assert (await app.events()).count("policy_token.revoked") == 1


async def test_a_revoked_grant_cannot_be_consumed_even_where_nobody_looked_before(
    app: Harness,
) -> None:
    at = app.app.clock.now()
    grant = NewGrant("j", "h", "a", "p", "e", (), (), at, at, UUID(int=1))

    async with app.app.storage.transaction(app.tenant.tenant_id) as unit:
        await unit.grants.revoke("j", "ada", at)

        assert not await unit.grants.consume(grant)


async def test_an_expired_token_is_refused_without_leeway(app: Harness) -> None:
    raw = app.bundle(change(1))
    issued = await app.issue(raw)
    claims = read_token(issued.token, keyring=app.app.token_keyring)
    assert claims is not None
    now = int(app.app.clock.now().timestamp())
    expired = sign_token(claims.model_copy(update={"exp": now}), keyring=app.app.token_keyring)

    assert codes(await app.execute(raw, token=expired)) == ["POLICY_TOKEN_EXPIRED"]


async def test_a_token_of_another_tenant_or_project_or_plan_or_secret_is_refused(
    app: Harness,
) -> None:
    raw = app.bundle(change(1))
    claims = read_token((await app.issue(raw)).token, keyring=app.app.token_keyring)
    assert claims is not None
    other = await app.new_tenant("other")
    forged = [
        sign_token(claims.model_copy(update=changed), keyring=app.app.token_keyring)
        for changed in (
            {"tid": other.tenant_id},
            {"pid": UUID(int=7)},
            {"plan": f"sha256:{'0' * 64}"},
            {"job_types": ("autopilot.ops.apply",)},
            {"scopes": ()},
        )
    ]
    forged.append(sign_token(claims, keyring=Keyring.of(ANOTHER_SECRET.encode())))

    for token in forged:
        assert codes(await app.execute(raw, token=token)) == ["POLICY_TOKEN_INVALID"]
    assert await app.count("jobs") == 0


async def test_the_token_of_one_tenant_is_nothing_to_another_with_the_same_bundle(
    app: Harness,
) -> None:
    other = await app.new_tenant("other")
    issued = await app.issue(app.bundle(change(1)))

    result = await app.execute(
        app.bundle(change(1), tenant=other), tenant=other, token=issued.token
    )

    assert codes(result) == ["POLICY_TOKEN_INVALID"]


async def test_one_more_request_makes_it_another_plan(app: Harness) -> None:
    issued = await app.issue(app.bundle(change(1)))

    result = await app.execute(app.bundle(change(1), change(2)), token=issued.token)

    assert set(codes(result)) == {"POLICY_TOKEN_INVALID"}


async def test_a_world_that_changed_since_the_plan_is_named_old_and_new(app: Harness) -> None:
    path = app.folder / "settings.json"
    path.write_text('{"size": 1}')
    raw = app.bundle(
        change(
            1,
            job_type="autopilot.ops.apply",
            payload={
                "recommendation_id": "r",
                "change": {
                    "adapter": "file",
                    "path": "settings.json",
                    "patch": [{"op": "replace", "path": "/size", "value": 3}],
                },
            },
        )
    )
    issued = await app.issue(raw)
    planned = await app.rows("SELECT effects FROM jobforge.plans")
    path.write_text('{"size": 2}')

    result = await app.execute(raw, token=issued.token)

    assert codes(result) == ["PLAN_STALE"]
    (child,) = result.child_runs
    old, new = child.reason.partition(" -> ")[0].split()[-1], child.reason.split(" -> ")[1]
    assert old in planned[0]["effects"]
    assert new.split(";")[0] not in planned[0]["effects"]
    assert path.read_text() == '{"size": 2}'
    assert await app.count("policy_grants") == 0


async def test_a_token_inside_a_payload_counts_only_where_no_other_is_given(app: Harness) -> None:
    raw = app.bundle(change(1))
    issued = await app.issue(raw)
    payload = change(1)["payload"] | {"policy_token": issued.token}

    refused = await app.execute(app.bundle(change(1, payload=payload)), token="x")  # noqa: S106 (no secret)
    accepted = await app.execute(app.bundle(change(1, payload=payload)))

    assert codes(refused) == ["POLICY_TOKEN_INVALID"]
    assert [child.status for child in accepted.child_runs] == ["queued"]


async def test_a_token_signed_before_a_rotation_holds_until_its_secret_is_dropped(
    app: Harness,
) -> None:
    raw = app.bundle(change(1))
    token = (await app.issue(raw)).token
    submission = Submission(app.tenant, OPERATOR, "dry_run")

    async def plan_with(*secrets: str) -> list[str | None]:
        current, *previous = (secret.encode() for secret in secrets)
        judge = JudgeToken(Keyring.of(current, previous), app.app.clock)
        usual = app.app.submit_bundle.submit
        admit = replace(usual.admit, judge_token=judge)
        submit = SubmitBundle(replace(usual, admit=admit))
        return codes(await submit(raw, submission, policy_token=token))

    assert await plan_with(ANOTHER_SECRET, SECRET) == [None]
    assert await plan_with(ANOTHER_SECRET) == ["POLICY_TOKEN_INVALID"]


@pytest.mark.parametrize("seconds", [0, 86_401])
async def test_a_token_lives_between_a_second_and_a_day(app: Harness, seconds: int) -> None:
    with pytest.raises(InvalidInput, match="between one second and 24 hours"):
        await app.issue(app.bundle(change(1)), lifetime_seconds=seconds)


async def test_no_token_is_issued_for_what_needs_none_or_is_not_there(app: Harness) -> None:
    submission = Submission(app.tenant, OPERATOR, "dry_run")
    wish = TokenWish(app.app.ids.uuid(), "ada", timedelta(minutes=1))
    of_another_type = replace(wish, job_types=frozenset({"autopilot.ops.apply"}))

    with pytest.raises(InvalidInput, match="nothing in this bundle needs a policy token"):
        await app.app.issue_token(read_bundle(app.bundle(say(1))), submission, wish)
    with pytest.raises(InvalidInput, match=r"has no request of type autopilot\.ops\.apply"):
        await app.app.issue_token(read_bundle(app.bundle(change(1))), submission, of_another_type)
