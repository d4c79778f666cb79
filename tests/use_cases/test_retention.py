"""A tenant's past is kept as long as its rules say; the log goes behind a proof only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest
from tests.application import OPERATOR, Harness, look, say

from jobforge.core.errors import Conflict

if TYPE_CHECKING:
    from jobforge.ports.housekeeping import RetentionKind
    from jobforge.ports.system import Clock
    from jobforge.use_cases.prune_tenant import Pruned


@dataclass(frozen=True)
class Later:
    """A clock that is days ahead, so that what is there is old."""

    inner: Clock
    days: int

    def now(self) -> datetime:
        return self.inner.now() + timedelta(days=self.days)


async def keep(app: Harness, kind: RetentionKind, days: int | None) -> None:
    await app.app.retention.set(app.tenant, kind, days, OPERATOR)


async def prune(app: Harness, *, in_days: int) -> Pruned:
    pruning = replace(app.app.prune_tenant, clock=Later(app.app.clock, in_days), batch=2)
    return await pruning(app.tenant, OPERATOR)


async def submit(app: Harness, count: int) -> None:
    """Bundles of two requests each, worked."""
    for number in range(count):
        first = look(2 * number)
        await app.execute(app.bundle(first, say(2 * number, f"{number}"), bundle_id=f"b-{number}"))
    await app.work()


async def test_what_has_no_rule_is_kept(app: Harness) -> None:
    await submit(app, 2)

    pruned = await prune(app, in_days=10_000)

    assert set(vars_of(pruned)) == {0}
    assert await app.count("jobs") == 4


def vars_of(pruned: Pruned) -> list[int]:
    return [pruned.runs, pruned.jobs, pruned.keys, pruned.plans, pruned.artifacts, pruned.entries]


async def test_old_runs_go_with_all_that_is_theirs(app: Harness) -> None:
    await submit(app, 5)
    await keep(app, "runs", 30)

    early = await prune(app, in_days=29)
    late = await prune(app, in_days=31)

    assert early.runs == 0
    assert (late.runs, late.jobs, late.keys, late.plans) == (5, 10, 10, 5)
    for table in ("bundle_runs", "jobs", "idempotency_keys", "plans"):
        assert await app.count(table) == 0
    assert (await app.app.verify_audit(app.tenant))[0].is_intact
    assert (await app.events())[-1] == "retention.pruned"


async def test_a_run_that_is_open_is_kept_however_old(app: Harness) -> None:
    await app.execute(app.bundle(look(1)))
    await keep(app, "runs", 1)

    assert (await prune(app, in_days=1000)).runs == 0
    await app.work()
    assert await app.count("jobs") == 1


async def test_another_tenants_past_stays(app: Harness) -> None:
    other = await app.new_tenant("other")
    await app.execute(app.bundle(look(1), tenant=other), tenant=other)
    await submit(app, 1)
    await keep(app, "runs", 1)
    await keep(app, "artifacts", 1)
    before = await app.rows(
        "SELECT * FROM jobforge.artifacts WHERE tenant_id = $1", other.tenant_id
    )

    await prune(app, in_days=1000)

    kept = await app.rows("SELECT tenant_id FROM jobforge.jobs")
    assert [row["tenant_id"] for row in kept] == [other.tenant_id]
    assert before == await app.rows("SELECT * FROM jobforge.artifacts")


async def test_an_artifact_that_was_stored_again_is_young(app: Harness) -> None:
    await submit(app, 1)
    await app.alter("UPDATE jobforge.artifacts SET created_at = created_at - interval '9 days'")
    await app.run(say(77, "0"))
    await keep(app, "artifacts", 5)

    pruned = await prune(app, in_days=0)

    # What the first run said of itself is old; what both jobs gave is not.
    assert pruned.artifacts == 1
    assert len(await app.rows("SELECT FROM jobforge.artifacts WHERE size = 1")) == 1


async def test_the_log_is_cut_behind_a_signed_place_and_still_proven(app: Harness) -> None:
    await submit(app, 3)
    await keep(app, "audit", 30)
    before = len(await app.events())

    pruned = await prune(app, in_days=31)

    (verdict,) = await app.app.verify_audit(app.tenant)
    assert pruned.entries == before - 1
    assert (verdict.is_intact, verdict.last_seq) == (True, before)
    await submit(app, 4)
    (verdict,) = await app.app.verify_audit(app.tenant)
    assert verdict.is_intact
    assert verdict.proven_until == verdict.last_seq


async def test_a_cut_log_that_is_cut_further_is_noticed(app: Harness) -> None:
    await submit(app, 3)
    await keep(app, "audit", 30)
    await prune(app, in_days=31)
    await submit(app, 5)
    await app.app.keep_checkpoints()

    await app.alter("DELETE FROM jobforge.audit_events WHERE seq < 20")

    (verdict,) = await app.app.verify_audit(app.tenant)
    assert verdict.problem == "missing"


async def test_a_log_that_does_not_hold_is_not_cut(app: Harness) -> None:
    await submit(app, 2)
    await keep(app, "audit", 30)
    await app.alter("UPDATE jobforge.audit_events SET actor = 'nobody' WHERE seq = 3")
    before = await app.count("audit_events")

    with pytest.raises(Conflict, match="does not hold: entry 3"):
        await prune(app, in_days=31)

    assert await app.count("audit_events") == before


async def test_the_application_cannot_cut_the_log_without_a_signed_place(app: Harness) -> None:
    await submit(app, 1)

    async with app.app.storage.transaction(app.tenant.tenant_id) as unit:
        with pytest.raises(asyncpg.RaiseError, match="behind a signed pruning only"):
            await unit.housekeeping.prune_audit(2)


async def test_a_rule_can_be_changed_and_dropped_and_says_so(app: Harness) -> None:
    await keep(app, "runs", 30)
    await keep(app, "runs", 60)
    changed = await app.app.retention.show(app.tenant)
    await keep(app, "runs", None)

    assert [(rule.kind, rule.days) for rule in changed] == [("runs", 60)]
    assert await app.app.retention.show(app.tenant) == ()
    assert (await app.events())[-3:] == 3 * ["retention.set"]
