"""Before each effect: the job is still the attempt's own, nothing stops it, the plan names it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.application import OPERATOR, Harness, Text, make_type, open_harness, say

from jobforge.adapters.postgres.access import DatabaseAccess
from jobforge.contract.canonical import checksum_of
from jobforge.contract.results import BundleResult
from jobforge.core.context import JobContext
from jobforge.core.controls import Scope, once
from jobforge.core.effects import PlannedEffect
from jobforge.core.errors import DatasetMissing, InvalidInput
from jobforge.core.job_type import ActionSteps, JobType
from jobforge.ports.jobs import JobRecord

WRITE = "autopilot.ops.write"


@dataclass
class Steps:
    """An action that writes the files its payload names, and waits before the second one."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def plan(self, payload: Text, context: JobContext) -> tuple[PlannedEffect, ...]:
        if payload.text == "greedy":
            await context.workspace.replace("a", b"", expected_checksum=None)
        names = ["a"] if payload.text == "stray" else payload.text.split(",")
        return tuple(_create(name) for name in names)

    async def apply(
        self, payload: Text, effects: tuple[PlannedEffect, ...], context: JobContext
    ) -> Text:
        for number, effect in enumerate(effects):
            if number == 1:
                self.reached.set()
                await self.go_on.wait()
            if not await _is_there(effect.target, context):
                await context.workspace.replace(
                    effect.target, effect.target.encode(), expected_checksum=None
                )
        if payload.text == "stray":
            await context.workspace.replace("b", b"b", expected_checksum=None)
        return payload

    async def verify(self, *_: object) -> None:
        return


async def _is_there(path: str, context: JobContext) -> bool:
    try:
        await context.workspace.check(path)
    except DatasetMissing:
        return False
    return True


def _create(name: str) -> PlannedEffect:
    after = checksum_of(name.encode())
    return PlannedEffect(target=name, change="create", before=None, after=after, diff="")


async def write_without_plan(payload: Text, context: JobContext) -> Text:
    await context.workspace.replace("a", b"a", expected_checksum=None)
    return payload


@pytest.fixture
def steps() -> Steps:
    return Steps()


@pytest.fixture
async def app(
    database_access: DatabaseAccess,
    tmp_path: Path,
    clean_environment: None,  # noqa: ARG001 (asked for its effect)
    steps: Steps,
) -> AsyncIterator[Harness]:
    action = ActionSteps(steps.plan, steps.apply, steps.verify, None, irreversible_because="test")
    types: list[JobType[Any, Any]] = [
        replace(make_type("write", write_without_plan), handle=None, action=action, scopes=_WRITES),
        make_type("sneak", write_without_plan),
    ]
    async with open_harness(database_access, tmp_path, job_types=types) as harness:
        yield harness


_WRITES = frozenset({"ops:write"})


async def submit(app: Harness, text: str, number: int = 1) -> BundleResult:
    request = say(number, text, job_type=WRITE, required_scopes=["ops:write"])
    raw = app.bundle(request, bundle_id=f"bundle-{number}")
    return await app.execute(raw, token=(await app.issue(raw)).token)


async def until_between_effects(
    app: Harness, steps: Steps, text: str = "a,b"
) -> tuple[BundleResult, asyncio.Task[None]]:
    """The action has made its first change and not its second."""
    result = await submit(app, text)
    work = asyncio.create_task(app.work())
    async with asyncio.timeout(20):
        await steps.reached.wait()
    assert written(app) == {"a"}
    return result, work


def written(app: Harness) -> set[str]:
    return {path.name for path in app.folder.iterdir()} - {".jobforge"}


async def ended(app: Harness, result: BundleResult) -> tuple[str, str | None]:
    job = await job_of(app, result)
    (child,) = (await app.show(result)).child_runs
    return job.status, child.code


async def job_of(app: Harness, result: BundleResult) -> JobRecord:
    return await app.job_of(result.child_runs[0])


async def test_what_nobody_stops_makes_all_its_changes(app: Harness, steps: Steps) -> None:
    steps.go_on.set()

    result = await submit(app, "a,b")
    await app.work()

    assert await ended(app, result) == ("executed", None)
    assert written(app) == {"a", "b"}


@pytest.mark.parametrize("scope", ["all", "tenant", "type", "both"])
async def test_a_kill_switch_stops_an_action_between_two_effects(
    app: Harness, steps: Steps, scope: str
) -> None:
    owner = (app.tenant.tenant_id, app.tenant.slug)
    scopes = {
        "all": Scope(),
        "tenant": Scope(*owner),
        "type": Scope(job_type=WRITE),
        "both": Scope(*owner, WRITE),
    }
    result, work = await until_between_effects(app, steps)

    await app.app.switches.turn_on("kill", scopes[scope], "fire", OPERATOR)
    steps.go_on.set()
    await work

    assert await ended(app, result) == ("denied", "KILL_SWITCH_ON")
    assert "a kill switch is on: fire" in str((await job_of(app, result)).error)
    assert written(app) == {"a"}


async def test_a_switch_of_somebody_else_stops_nothing(app: Harness, steps: Steps) -> None:
    other = await app.new_tenant("other")
    result, work = await until_between_effects(app, steps)

    for scope in (Scope(other.tenant_id, "other"), Scope(job_type="autopilot.ops.sneak")):
        await app.app.switches.turn_on("kill", scope, "fire", OPERATOR)
    await app.app.switches.turn_on("pause", Scope(), "what runs goes on", OPERATOR)
    steps.go_on.set()
    await work

    assert await ended(app, result) == ("executed", None)
    assert written(app) == {"a", "b"}


async def test_a_canceled_action_makes_no_further_change(app: Harness, steps: Steps) -> None:
    result, work = await until_between_effects(app, steps)

    job = await job_of(app, result)
    await app.app.cancel_job(job.job_id, app.tenant, OPERATOR)
    steps.go_on.set()
    await work

    assert await ended(app, result) == ("canceled", "CANCELED")
    assert written(app) == {"a"}


async def test_an_attempt_that_lost_its_job_makes_no_further_change(
    app: Harness, steps: Steps
) -> None:
    result, work = await until_between_effects(app, steps)

    await app.alter("UPDATE jobforge.jobs SET attempt = attempt + 1")
    steps.go_on.set()
    await work

    assert written(app) == {"a"}
    assert (await job_of(app, result)).status == "running", "it is the other attempt's to end"


async def test_a_window_that_closes_puts_the_rest_off(app: Harness, steps: Steps) -> None:
    result, work = await until_between_effects(app, steps)

    now = app.app.clock.now()
    closed = once(now - timedelta(hours=1), now + timedelta(hours=1))
    await app.app.windows.add("freeze", "closed", Scope(), closed, OPERATOR)
    steps.go_on.set()
    job = await until_queued(app, result)

    assert "says the window freeze" in job.attempt_errors
    assert written(app) == {"a"}
    await app.app.windows.remove("freeze", Scope(), OPERATOR)
    await work
    assert await ended(app, result) == ("executed", None)
    assert written(app) == {"a", "b"}


async def until_queued(app: Harness, result: BundleResult) -> JobRecord:
    for _ in range(500):
        job = await job_of(app, result)
        if job.status == "queued":
            return job
        await asyncio.sleep(0.02)
    raise AssertionError("it is not queued")


async def test_what_the_plan_does_not_name_is_not_changed(app: Harness) -> None:
    result = await submit(app, "stray")
    await app.work()

    assert await ended(app, result) == ("denied", "EFFECT_NOT_PLANNED")
    assert written(app) == {"a"}


async def test_what_only_reads_changes_nothing(app: Harness) -> None:
    result = await app.run(say(1, job_type="autopilot.ops.sneak"))

    assert await ended(app, result) == ("denied", "EFFECT_NOT_PLANNED")
    assert written(app) == set()


async def test_a_plan_changes_nothing(app: Harness) -> None:
    with pytest.raises(InvalidInput, match="a plan changes nothing, and a would be changed"):
        await submit(app, "greedy")

    assert written(app) == set()


async def test_an_action_of_too_many_targets_changes_none(app: Harness, steps: Steps) -> None:
    steps.go_on.set()
    wide = await submit(app, "a,b,c")
    await app.app.limits.change(app.tenant, {"targets_per_action": 2}, "careful", OPERATOR)

    await app.work()
    narrow = await submit(app, "a,b", 2)
    await app.work()

    assert await ended(app, wide) == ("denied", "BLAST_RADIUS_EXCEEDED")
    assert await ended(app, narrow) == ("executed", None)
    assert written(app) == {"a", "b"}


async def test_caps_are_on_unless_somebody_took_them_off(app: Harness, steps: Steps) -> None:
    steps.go_on.set()
    names = ",".join(f"f{n}" for n in range(21))

    refused = await submit(app, names)
    await app.app.limits.change(app.tenant, {"targets_per_action": None}, "sure", OPERATOR)
    taken = await submit(app, names, 2)
    await app.work()

    assert [(c.status, c.code) for c in refused.child_runs] == [("denied", "BLAST_RADIUS_EXCEEDED")]
    assert await ended(app, taken) == ("executed", None)


async def test_targets_of_a_day_count_once_each_and_over_all_actions(
    app: Harness, steps: Steps
) -> None:
    steps.go_on.set()
    await app.app.limits.change(app.tenant, {"targets_per_day": 3}, "careful", OPERATOR)

    results = []
    for number, names in enumerate(["a,b", "c", "d", "b,e"], 1):
        results.append(await submit(app, names, number))
        await app.work()
    await app.app.limits.change(app.tenant, {"targets_per_day": 4}, "one more", OPERATOR)
    raised = await submit(app, "d", 9)
    await app.work()

    assert [await ended(app, result) for result in (*results, raised)] == [
        ("executed", None),
        ("executed", None),
        ("denied", "BLAST_RADIUS_EXCEEDED"),
        ("denied", "BLAST_RADIUS_EXCEEDED"),
        ("executed", None),
    ]
    assert written(app) == {"a", "b", "c", "d"}


async def test_two_actions_at_once_do_not_both_get_the_last_target(
    app: Harness, steps: Steps
) -> None:
    steps.go_on.set()
    await app.app.limits.change(app.tenant, {"targets_per_day": 3}, "careful", OPERATOR)
    results = [await submit(app, name, n) for n, name in enumerate("abcdef")]

    await app.work()

    ends = [(await ended(app, result))[0] for result in results]
    assert sorted(ends) == 3 * ["denied"] + 3 * ["executed"]
    assert len(written(app)) == 3


@pytest.mark.parametrize("limit", ["targets_per_action", "targets_per_day"])
async def test_a_cap_that_is_lowered_stops_what_runs(
    app: Harness, steps: Steps, limit: str
) -> None:
    result, work = await until_between_effects(app, steps)

    await app.app.limits.change(app.tenant, {limit: 1}, "too much", OPERATOR)
    steps.go_on.set()
    await work

    assert await ended(app, result) == ("denied", "BLAST_RADIUS_EXCEEDED")
    assert written(app) == {"a"}
