"""Tests of `autopilot.growth.experiment_readout`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jobforge.autopilots.growth import EXPERIMENT_READOUT
from jobforge.autopilots.growth.experiment_readout import read_out
from jobforge.autopilots.growth.experiments.readout_result import ExperimentReadoutResult
from jobforge.core.errors import InvalidInput, PayloadInvalid
from jobforge.testing.context import MemoryContext

GOLDEN = Path(__file__).parent / "golden" / "experiment_readout.json"


def variant(name: str, users: int, **sums: int) -> dict[str, Any]:
    statistics = {metric: {"n": users, "sum": total} for metric, total in sums.items()}
    return {"name": name, "users": users, "statistics": statistics}


def run(*variants: dict[str, Any], **more: Any) -> ExperimentReadoutResult:  # noqa: ANN401 - JSON enters here
    payload = {
        "experiment": "test",
        "variants": list(variants),
        "metrics": [{"name": "goal", "kind": "proportion"}],
        **more,
    }
    return read_out(EXPERIMENT_READOUT.parse_payload(payload))


def decision(result: ExperimentReadoutResult) -> str:
    return result.decisions[0].decision


CONTROL = variant("control", 10_000, goal=1000)


@pytest.mark.parametrize(
    ("treated", "decided"),
    [(1200, "ship"), (1010, "no_difference_found"), (800, "do_not_ship")],
)
def test_the_effect_decides(treated: int, decided: str) -> None:
    assert decision(run(CONTROL, variant("b", 10_000, goal=treated))) == decided


def test_a_broken_split_is_not_read() -> None:
    result = run(CONTROL, variant("b", 11_000, goal=1500))

    assert result.is_split_broken
    assert decision(result) == "do_not_read"


def test_planned_weights_are_the_split() -> None:
    wide = {**variant("b", 20_000, goal=2400), "weight": 2.0}

    assert not run(CONTROL, wide).is_split_broken


def test_a_fixed_test_is_not_read_early_but_a_sequential_one_may_be() -> None:
    treated = variant("b", 10_000, goal=1400)

    assert decision(run(CONTROL, treated, planned_users=50_000)) == "continue"
    assert decision(run(CONTROL, treated, planned_users=50_000, method="sequential")) == "ship"


def test_harm_to_a_guardrail_outweighs_a_gain() -> None:
    metrics = [
        {"name": "goal", "kind": "proportion"},
        {"name": "refund", "kind": "proportion", "role": "guardrail", "inverse": True},
    ]

    result = run(
        variant("control", 10_000, goal=1000, refund=100),
        variant("b", 10_000, goal=1200, refund=200),
        metrics=metrics,
    )

    assert decision(result) == "do_not_ship"
    assert "refund" in result.decisions[0].reasons[0]


def test_many_tests_are_corrected_for() -> None:
    names = [f"m{n}" for n in range(20)]
    sums = dict.fromkeys(names, 1000)
    lifted = {**sums, "m0": 1100}
    metrics = [{"name": name, "kind": "proportion"} for name in names]

    def verdict(correction: str) -> str:
        found = run(
            variant("control", 10_000, **sums), variant("b", 10_000, **lifted),
            metrics=metrics, correction=correction,
        )  # fmt: skip
        return found.effects[0].verdict

    assert verdict("none") == "better"
    assert verdict("holm") == "no_difference_found"


def test_the_bayesian_way_gives_chances() -> None:
    result = run(CONTROL, variant("b", 10_000, goal=1200), method="bayesian")

    assert result.effects[0].chance_to_win == pytest.approx(1, abs=1e-4)
    assert result.effects[0].p_value is None
    assert decision(result) == "ship"


def test_zero_variance_is_not_read_as_no_difference() -> None:
    result = run(variant("control", 10_000, goal=0), variant("b", 10_000, goal=5))

    assert result.effects[0].verdict == "not_judged"
    assert decision(result) == "do_not_read"


@pytest.mark.parametrize(
    "payload",
    [
        {"variants": [CONTROL]},
        {"variants": [CONTROL, CONTROL]},
        {"variants": [CONTROL, variant("b", 10, other=1)]},
        {"metrics": [{"name": "goal", "kind": "proportion", "role": "guardrail"}]},
    ],
)
def test_an_experiment_that_is_none_is_refused(payload: dict[str, Any]) -> None:
    whole = {
        "experiment": "x",
        "variants": [CONTROL, variant("b", 10, goal=1)],
        "metrics": [{"name": "goal", "kind": "proportion"}],
        **payload,
    }

    with pytest.raises(PayloadInvalid):
        EXPERIMENT_READOUT.parse_payload(whole)


def test_sums_that_cannot_be_are_refused() -> None:
    with pytest.raises(InvalidInput):
        run(CONTROL, variant("b", 10_000, goal=10_001))


async def test_the_golden_experiment_gives_the_golden_readout() -> None:
    case = json.loads(GOLDEN.read_text())
    assert case["job_type"] == EXPERIMENT_READOUT.name
    assert EXPERIMENT_READOUT.handle is not None
    context = MemoryContext()

    payload = EXPERIMENT_READOUT.parse_payload(case["payload"])
    result = await EXPERIMENT_READOUT.handle(payload, context)

    found = json.loads(result.model_dump_json())
    assert found["decisions"] == case["result"]["decisions"]
    for effect, expected in zip(found["effects"], case["result"]["effects"], strict=True):
        assert effect["uplift"] == pytest.approx(expected["uplift"])
        assert effect["p_value"] == pytest.approx(expected["p_value"])
    assert len(context.artifacts.stored) == 4


async def test_the_report_shows_each_effect_that_was_judged() -> None:
    context = MemoryContext()
    data = [
        {"name": "control", "users": 100, "statistics": {
            "signup": {"n": 100, "sum": 10}, "broken": {"n": 100, "sum": 0}}},
        {"name": "<i>new</i>", "users": 100, "statistics": {
            "signup": {"n": 100, "sum": 30}, "broken": {"n": 100, "sum": 0}}},
    ]  # fmt: skip
    metrics = [{"name": name, "kind": "proportion"} for name in ("signup", "broken")]
    assert EXPERIMENT_READOUT.handle is not None

    await EXPERIMENT_READOUT.handle(
        EXPERIMENT_READOUT.parse_payload({"experiment": "e", "variants": data, "metrics": metrics}),
        context,
    )

    stored = {n.rpartition(".")[2]: t.decode() for n, t in context.artifacts.stored.items()}
    assert set(stored) == {"json", "md", "svg", "html"}
    assert stored["svg"].count("<circle") == 1
    assert stored["svg"] in stored["html"]
    assert "<i>" not in stored["html"]
