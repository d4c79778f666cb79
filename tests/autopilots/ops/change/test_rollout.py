"""When a rollout starts, how it goes on, and what stops it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.autopilots.ops.change.world import payload, states

from jobforge.autopilots.ops.apply import apply, plan
from jobforge.autopilots.ops.change.request import ApplyPayload
from jobforge.core.context import HttpRequest, HttpResponse
from jobforge.core.errors import ChangeUndone, KillSwitchOn, PayloadInvalid, Postponed
from jobforge.testing.context import MemoryContext

HEALTH = "https://shop.example/health"
NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


def rollout(count: int = 8, **more: Any) -> ApplyPayload:  # noqa: ANN401 (any JSON value)
    patch = [{"op": "replace", "path": "/n", "value": 2}]
    changes = [{"adapter": "file", "path": f"{n}.yaml", "patch": patch} for n in range(count)]
    return payload(*changes, **more)


def world(count: int = 8, *, fails_after: int | None = None) -> MemoryContext:
    """Files, and a site whose health depends on how many of them are changed."""
    context = MemoryContext()
    context.workspace.files = {f"{n}.yaml": b"n: 1\n" for n in range(count)}

    def answer(request: HttpRequest) -> HttpResponse:
        done = sum(content == b"n: 2\n" for content in context.workspace.files.values())
        status = 500 if fails_after is not None and done > fails_after else 200
        return HttpResponse(
            url=request.url, status=status, headers=(), body=b"", elapsed=timedelta()
        )

    context.http.answers[HEALTH] = answer
    return context


def changed(context: MemoryContext) -> int:
    return sum(content == b"n: 2\n" for content in context.workspace.files.values())


async def test_a_canary_that_fails_stops_the_rollout_and_is_put_back() -> None:
    context = world(fails_after=0)
    wanted = rollout(apply_strategy="gradual", error_budget={"urls": [HEALTH]})

    with pytest.raises(ChangeUndone, match=r"error budget is spent: 1 probes failed.*answered 500"):
        await apply(wanted, await plan(wanted, context), context)

    assert changed(context) == 0
    assert [state for state in await states(context) if state[1] == "begun"] == [(0, "begun")]


async def test_failures_within_the_budget_let_it_go_on() -> None:
    context = world(fails_after=3)
    budget = {"urls": [HEALTH], "allowed_failures": 1}
    wanted = rollout(6, apply_strategy="gradual", error_budget=budget)

    await apply(wanted, await plan(wanted, world(6)), context)

    assert changed(context) == 6
    assert len(context.http.requests) == 3


async def test_the_budget_is_spent_over_all_waves() -> None:
    context = world(fails_after=1)
    budget = {"urls": [HEALTH], "allowed_failures": 1}
    wanted = rollout(apply_strategy="gradual", error_budget=budget)

    with pytest.raises(ChangeUndone, match="2 probes failed"):
        await apply(wanted, await plan(wanted, world()), context)

    assert changed(context) == 0


async def test_a_prometheus_query_beyond_its_limit_is_a_failure() -> None:
    context = world()
    query = {"url": "https://prom.example", "query": "errors", "title": "errors", "warn_above": 1}
    body = '{"status": "success", "data": {"resultType": "scalar", "result": [1, "7"]}}'
    context.http.add("https://prom.example/api/v1/query?query=errors", body)
    wanted = rollout(error_budget={"prometheus": [query]})

    with pytest.raises(ChangeUndone, match="errors: 7, limit at most 1"):
        await apply(wanted, await plan(wanted, context), context)


async def test_a_scheduled_change_waits_for_its_time_and_not_beyond_it() -> None:
    later, over = NOW + timedelta(hours=1), NOW - timedelta(hours=1)
    context = world(1)
    early = rollout(1, apply_strategy="scheduled", schedule={"not_before": later.isoformat()})
    late = rollout(
        1,
        apply_strategy="scheduled",
        schedule={
            "not_before": (over - timedelta(hours=1)).isoformat(), "not_after": over.isoformat()
        },
    )  # fmt: skip
    effects = await plan(early, context)

    with pytest.raises(Postponed) as caught:
        await apply(early, effects, context)
    with pytest.raises(ChangeUndone, match="its time ended"):
        await apply(late, effects, context)
    untouched = changed(context)
    context.time = later
    await apply(early, effects, context)

    assert caught.value.until == later
    assert untouched == 0
    assert changed(context) == 1


@pytest.mark.parametrize(
    "more",
    [
        {"apply_strategy": "scheduled"},
        {"schedule": {"not_before": "2026-01-15T12:00:00Z"}},
        {"apply_strategy": "scheduled", "schedule": {"not_before": "2026-01-15T12:00:00"}},
        {"apply_strategy": "scheduled",
         "schedule": {"not_before": "2026-01-15T12:00:00Z", "not_after": "2026-01-15T12:00:00Z"}},
        {"error_budget": {}},
        {"error_budget": {"urls": [HEALTH]}, "rollback_plan": {"enabled": False}},
    ],
)  # fmt: skip
def test_a_strategy_that_lacks_what_it_needs_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(PayloadInvalid):
        rollout(1, **more)


async def test_a_kill_switch_in_the_middle_leaves_all_as_it_is_for_the_next_attempt() -> None:
    context = world(3)
    wanted = rollout(3)
    effects = await plan(wanted, context)
    replace, calls = context.workspace.replace, []

    async def stopped(path: str, content: bytes, *, expected_checksum: str | None) -> None:
        if not path.startswith("."):
            calls.append(path)
            if len(calls) == 2:
                raise KillSwitchOn("a kill switch is on: fire")
        await replace(path, content, expected_checksum=expected_checksum)

    context.workspace.replace = stopped  # type: ignore[method-assign]  # a switch between two files
    with pytest.raises(KillSwitchOn):
        await apply(wanted, effects, context)
    between = changed(context)
    await apply(wanted, effects, context)

    assert between == 1
    assert changed(context) == 3
    assert ("rolling_back") not in [state for _, state in await states(context)]
