"""A past run under today's rules: what would be decided or changed otherwise, and nothing done."""

from __future__ import annotations

from uuid import UUID

import pytest
from tests.application import OPERATOR, Harness, Json, change, look

from jobforge.core.errors import Conflict, Missing
from jobforge.use_cases.replay_run import Replay


def apply() -> Json:
    """An action that changes a file of the tenant's folder."""
    patch = [{"op": "replace", "path": "/memory_mb", "value": 512}]
    recommended = {"adapter": "file", "path": "worker.yaml", "patch": patch}
    return {
        "id": "apply",
        "job_type": "autopilot.ops.apply",
        "payload": {"recommendation_id": "r-1", "change": recommended},
        "idempotency_key": "apply-1",
    }


async def replay(app: Harness, run_id: UUID | None) -> Replay:
    assert run_id is not None
    return await app.app.replay_run(run_id, app.tenant, OPERATOR)


async def test_what_did_not_change_is_the_same_though_its_keys_are_used(app: Harness) -> None:
    done = await app.run(look(1), look(2))

    found = await replay(app, done.bundle_run_id)

    assert found.is_same
    assert found.requests == 2


async def test_a_switch_that_was_turned_off_since_decides_otherwise(app: Harness) -> None:
    done = await app.run(look(1))
    app.switch(autopilot_jobs=False, action_jobs=False)

    found = await replay(app, done.bundle_run_id)

    (changed,) = found.decisions
    assert changed.then == "queued"
    assert changed.now == "refused FEATURE_FLAG_DISABLED"


async def test_a_world_that_moved_changes_what_an_action_would_do(app: Harness) -> None:
    config = app.folder / "worker.yaml"
    config.write_text("memory_mb: 256\n")
    planned = await app.plan(app.bundle(apply()))
    assert (await replay(app, planned.bundle_run_id)).is_same
    config.write_text("memory_mb: 384\n")

    found = await replay(app, planned.bundle_run_id)

    assert not found.is_same
    assert {drift.subject for drift in found.effects} >= {"worker.yaml"}
    assert config.read_text() == "memory_mb: 384\n"


async def test_a_replay_carries_nothing_out_and_writes_nothing(app: Harness) -> None:
    planned = await app.plan(app.bundle(change(1)))
    before = [await app.count(table) for table in _TABLES]

    await replay(app, planned.bundle_run_id)

    assert [await app.count(table) for table in _TABLES] == before
    assert not (app.folder / "file-1.txt").exists()


async def test_there_is_nothing_to_replay_of_what_was_refused_or_is_not_there(app: Harness) -> None:
    refused = await app.plan(b"{}")
    other = await app.new_tenant("other")
    done = await app.run(look(1))
    assert done.bundle_run_id is not None

    with pytest.raises(Conflict):
        await replay(app, refused.bundle_run_id)
    with pytest.raises(Missing):
        await replay(app, UUID(int=7))
    with pytest.raises(Missing):
        await app.app.replay_run(done.bundle_run_id, other, OPERATOR)


_TABLES = ("bundle_runs", "jobs", "plans", "plan_reviews", "audit_events", "artifacts")
