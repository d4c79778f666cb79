"""`jobforge.undo`: an action is taken back through the same gates, and only where it still can."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.application import Harness, change, look

from jobforge.autopilots.jobforge.undo import reverse_effects
from jobforge.core.effects import PlannedEffect, Precondition

if TYPE_CHECKING:
    from jobforge.contract.results import BundleResult


def resize(number: int, size: int) -> dict[str, Any]:
    payload = {
        "recommendation_id": "r",
        "change": {
            "adapter": "file",
            "path": "settings.json",
            "patch": [{"op": "replace", "path": "/size", "value": size}],
        },
    }
    return change(number, job_type="autopilot.ops.apply", payload=payload)


def undo(job_id: object, number: int = 9) -> dict[str, Any]:
    return change(number, job_type="jobforge.undo", payload={"job_id": str(job_id)})


async def carry_out(app: Harness, request: dict[str, Any]) -> BundleResult:
    raw = app.bundle(request)
    result = await app.execute(raw, token=(await app.issue(raw)).token)
    await app.work()
    return await app.show(result)


async def test_an_action_is_taken_back_byte_for_byte(app: Harness) -> None:
    path = app.folder / "settings.json"
    path.write_text('{"size":   1}')
    done = await carry_out(app, resize(1, 2))
    changed = path.read_text()

    undone = await carry_out(app, undo(done.child_runs[0].job_id))

    assert '"size": 2' in changed
    assert undone.summary.executed == 1
    assert path.read_text() == '{"size":   1}'


async def test_taking_back_needs_a_token_of_its_own(app: Harness) -> None:
    (app.folder / "settings.json").write_text('{"size": 1}')
    done = await carry_out(app, resize(1, 2))

    result = await app.execute(app.bundle(undo(done.child_runs[0].job_id)))

    assert [child.code for child in result.child_runs] == ["POLICY_TOKEN_REQUIRED"]


async def test_what_somebody_changed_since_is_not_overwritten(app: Harness) -> None:
    path = app.folder / "settings.json"
    path.write_text('{"size": 1}')
    done = await carry_out(app, resize(1, 2))
    path.write_text('{"size": 3}')

    undone = await carry_out(app, undo(done.child_runs[0].job_id))

    assert [child.code for child in undone.child_runs] == ["PLAN_STALE"]
    assert path.read_text() == '{"size": 3}'


async def test_what_was_no_action_or_never_ran_or_is_not_there_cannot_be_taken_back(
    app: Harness,
) -> None:
    (app.folder / "settings.json").write_text('{"size": 1}')
    looked = await app.run(look(1))
    raw = app.bundle(resize(2, 2))
    waiting = await app.execute(raw, token=(await app.issue(raw)).token)
    absent = "7f3fdb5c-5a1e-4b0e-9d3c-2f6f6f1f7a11"

    for job_id in (looked.child_runs[0].job_id, waiting.child_runs[0].job_id, absent):
        result = await app.plan(app.bundle(undo(job_id)))
        assert [child.code for child in result.child_runs] == ["PAYLOAD_INVALID"]


async def test_the_job_of_another_tenant_is_not_there(app: Harness) -> None:
    (app.folder / "settings.json").write_text('{"size": 1}')
    done = await carry_out(app, resize(1, 2))
    other = await app.new_tenant("other")

    result = await app.plan(app.bundle(undo(done.child_runs[0].job_id), tenant=other), tenant=other)

    assert [child.code for child in result.child_runs] == ["PAYLOAD_INVALID"]
    assert (app.folder / "settings.json").read_text() != '{"size": 1}'


def test_effects_are_reversed_last_one_first() -> None:
    first = PlannedEffect(target="a", change="create", before=None, after="x", diff="+x\n")
    second = PlannedEffect(
        target="b",
        change="update",
        before="y",
        after="z",
        diff="-y\n+z\n",
        preconditions=(Precondition(source="file b", expected="y"),),
    )

    reversed_ = reverse_effects((first, second))

    assert [(e.target, e.change, e.before, e.after) for e in reversed_] == [
        ("b", "update", "z", "y"),
        ("a", "delete", "x", None),
    ]
    assert reversed_[0].diff == "+y\n-z\n"
    assert reversed_[0].preconditions[0].expected == "z"
