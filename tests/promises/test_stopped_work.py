"""A kill switch and a cap are said when a bundle is planned, and hold when it is executed."""

from __future__ import annotations

from tests.application import OPERATOR, Harness, change, look, say

from jobforge.core.controls import Scope
from jobforge.testing.admission import ACTION_TYPE


async def test_a_plan_warns_of_a_kill_switch_and_an_execution_is_denied(app: Harness) -> None:
    await app.app.switches.turn_on("kill", Scope(job_type=ACTION_TYPE), "fire", OPERATOR)
    raw = app.bundle(look(1), change(2))
    token = (await app.issue(raw)).token

    planned = await app.plan(raw)
    executed = await app.execute(raw, token=token)

    warnings = [[warning["code"] for warning in child.warnings] for child in planned.child_runs]
    assert warnings[0] == []
    assert [(c.status, c.code) for c in executed.child_runs] == [
        ("queued", None),
        ("denied", "KILL_SWITCH_ON"),
    ]
    assert "fire" in executed.child_runs[1].reason


async def test_a_denied_action_uses_up_no_token(app: Harness) -> None:
    raw = app.bundle(change(1))
    token = (await app.issue(raw)).token
    await app.app.switches.turn_on("kill", Scope(), "fire", OPERATOR)

    denied = await app.execute(raw, token=token)
    await app.app.switches.turn_off("kill", Scope(), "out", OPERATOR)
    taken = await app.execute(raw, token=token)
    await app.work()

    assert denied.child_runs[0].code == "KILL_SWITCH_ON"
    assert (await app.show(taken)).summary.executed == 1


async def test_a_plan_warns_of_an_action_that_is_too_wide_and_an_execution_is_denied(
    app: Harness,
) -> None:
    await app.app.limits.change(app.tenant, {"targets_per_action": 0}, "careful", OPERATOR)
    raw = app.bundle(say(1), change(2))
    token = (await app.issue(raw)).token

    planned = await app.plan(raw, token=token)
    executed = await app.execute(raw, token=token)
    await app.work()

    (warning,) = planned.child_runs[1].warnings
    assert planned.child_runs[1].status == "accepted"
    assert warning["code"] == "BLAST_RADIUS_EXCEEDED"
    assert [(c.status, c.code) for c in executed.child_runs] == [
        ("queued", None),
        ("denied", "BLAST_RADIUS_EXCEEDED"),
    ]
    assert not (app.folder / "file-2.txt").exists()
