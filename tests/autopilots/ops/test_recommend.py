"""Tests of `autopilot.ops.recommend` and `autopilot.ops.runbook_generate`."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest

from jobforge.autopilots.ops import APPLY, RECOMMEND, RUNBOOK_GENERATE
from jobforge.autopilots.ops.recommend import RecommendResult, handle
from jobforge.autopilots.ops.runbook_generate import generate_runbook
from jobforge.core.errors import DatasetMissing, SourceMalformed
from jobforge.testing.context import MemoryContext


def usage(resource: str, level: float, request: float, **more: Any) -> list[dict[str, Any]]:  # noqa: ANN401 (JSON)
    return [
        {"resource": resource, "timestamp": 300 * n, "value": level * (1 + 0.1 * math.sin(n / 9)),
         "request": request} | more
        for n in range(300)
    ]  # fmt: skip


async def run(rows: list[dict[str, Any]], **payload: Any) -> RecommendResult:  # noqa: ANN401 (JSON)
    context = MemoryContext()
    context.data.datasets["usage"] = rows
    given = {"category": "cost", "usage": "usage"} | payload
    return await handle(RECOMMEND.parse_payload(given), context)


async def test_the_bigger_saving_comes_first_and_money_adds_up() -> None:
    rows = usage("small", 1, 2, price_per_unit_month="10")
    rows += usage("big", 10, 40, price_per_unit_month="10")

    result = await run(rows)

    assert [r.title.split()[3] for r in result.recommendations] == ["big", "small"]
    savings = [r.saving_per_month for r in result.recommendations]
    assert result.estimated_impact.cost == sum((s for s in savings if s), Decimal())
    for item in result.recommendations:
        assert item.saving_interval is not None
        assert item.saving_per_month is not None
        assert item.saving_interval[0] <= item.saving_per_month <= item.saving_interval[1]


async def test_a_ready_change_is_a_payload_of_apply() -> None:
    rows = usage("web", 100, 500, unit="m", path="web.yaml", pointer="/cpu")

    result = await run(rows)

    change = result.recommendations[0].change
    APPLY.parse_payload({"recommendation_id": "r", "change": change})
    assert change is not None
    assert change["patch"][0]["value"] == "110m"


async def test_a_starved_resource_is_a_matter_of_reliability() -> None:
    rows = usage("web", 10, 5)

    assert (await run(rows)).recommendations == ()
    (raised,) = (await run(rows, category="reliability")).recommendations
    assert raised.title.startswith("Raise")


async def test_less_risk_asks_for_more() -> None:
    requests = []
    for tolerance in ("low", "high"):
        rows = [row | {"value": n * 37 % 100} for n, row in enumerate(usage("a", 10, 900))]
        result = await run(rows, constraints={"risk_tolerance": tolerance})
        requests.append(float(result.recommendations[0].title.rsplit(" ", 1)[1]))

    assert requests[0] > requests[1]


async def test_two_changes_of_one_place_are_not_both_recommended() -> None:
    rows = usage("a", 1, 9, path="x.yaml", pointer="/cpu", price_per_unit_month="1")
    rows += usage("b", 1, 99, path="x.yaml", pointer="/cpu", price_per_unit_month="1")

    result = await run(rows)

    assert len(result.recommendations) == 1
    assert "left out" in result.notices[0]


async def test_the_constraints_are_kept_and_what_they_drop_is_counted() -> None:
    result = await run(usage("a", 1, 9), constraints={"implementation_timeframe": "immediate"})

    assert result.recommendations == ()
    assert "1 recommendations are outside the constraints" in result.notices


async def test_too_little_usage_is_told_not_guessed() -> None:
    result = await run([*usage("a", 1, 9)[:20], {"resource": "b", "timestamp": 0, "value": 1}])

    assert result.recommendations == ()
    assert len(result.notices) == 2


async def test_no_source_is_an_error_and_so_is_a_bad_price() -> None:
    with pytest.raises(DatasetMissing):
        await handle(RECOMMEND.parse_payload({"category": "cost"}), MemoryContext())
    with pytest.raises(SourceMalformed, match="price"):
        await run(usage("a", 1, 9, price_per_unit_month="much"))


def test_a_hostile_service_name_is_quoted_and_never_automated() -> None:
    payload = RUNBOOK_GENERATE.parse_payload(
        {"runbook_id": "r", "affected_services": ["x; rm -rf /"], "namespace": "shop"}
    )

    runbook = generate_runbook(payload, ())

    assert all("'x; rm -rf /'" in step.command for step in runbook.steps)
    assert runbook.safe_step_numbers == ()


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        ("pod was OOMKilled", "memory"),
        ("certificate expired", "certificate"),
        ("disk is full", "disk"),
        ("HTTP 503 errors", "errors"),
        ("something odd", "general"),
    ],
)
def test_the_cause_chooses_the_steps(cause: str, kind: str) -> None:
    payload = RUNBOOK_GENERATE.parse_payload({"runbook_id": "r", "root_cause": cause})

    runbook = generate_runbook(payload, ())

    assert runbook.kinds[0] == kind
    changing = [step for step in runbook.steps if step.why.endswith("a person decides.")]
    assert all(not step.is_safe_to_automate for step in changing)
    assert all(step.rollback for step in changing)
