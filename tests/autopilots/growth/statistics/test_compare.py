"""Tests of the comparisons: published vectors, properties, and what a simulation promises."""

from __future__ import annotations

import json
from math import inf, isinf
from pathlib import Path
from random import Random  # noqa: TID251 - a seeded one, for the simulation
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobforge.autopilots.growth import (
    compare_means,
    compare_means_cuped,
    compare_proportions,
    compare_proportions_cuped,
    compare_ratios,
    compare_ratios_cuped,
    mid_experiment_power,
    srm_p_value,
)
from jobforge.core.errors import InvalidInput

VECTORS = Path(__file__).parents[5] / "shared" / "datasets" / "experiment-stats" / "vectors.json"
COMPARE = {
    "proportion": compare_proportions,
    "mean": compare_means,
    "ratio": compare_ratios,
    "cuped_proportion": compare_proportions_cuped,
    "cuped_mean": compare_means_cuped,
    "cuped_ratio": compare_ratios_cuped,
}
LOOSE = {"scaling_factor", "additional_users"}


def options_of(function: str, inputs: dict[str, Any]) -> dict[str, Any]:
    config = inputs["config"]
    options: dict[str, Any] = {
        "relative": config["difference_type"] == "relative",
        "alpha": config["alpha"],
    }
    if function.startswith("sequential"):
        options["method"] = "sequential"
        options["tuning_parameter"] = config["sequential_tuning_parameter"]
    if function == "bayesian":
        options |= {
            "method": "bayesian",
            "prior": inputs["prior"],
            "prior_type": config["prior_type"],
            "inverse": config["inverse"],
        }
    for alternative in ("greater", "less"):
        if function.endswith(alternative):
            options["alternative"] = alternative
    if config["difference_type"] == "scaled":
        keys = ("total_users", "traffic_percentage", "phase_length_days")
        options |= {key: config[key] for key in keys}
    return options


def outputs_of(vector: dict[str, Any]) -> dict[str, Any]:
    function, inputs = vector["function"], vector["inputs"]
    if function == "srm":
        return {"p_value": srm_p_value(inputs["users"], inputs["weights"])}
    if function == "mid_experiment_power":
        power = mid_experiment_power(**inputs)
        return {key: getattr(power, key) for key in vector["outputs"]}
    options = options_of(function, inputs)
    found = COMPARE[vector["metric"]](inputs["control"], inputs["treatment"], **options)
    return {
        "expected": found.uplift,
        "ci": list(found.interval),
        "standard_error": found.standard_error,
        "p_value": found.p_value,
        "theta": found.theta,
        "chance_to_win": found.chance_to_win,
        "risk_control": found.expected_loss_control,
        "risk_treatment": found.expected_loss,
        "posterior_mean": found.posterior_mean,
        "posterior_sd": found.posterior_sd,
        "error": found.problem,
    }


def agrees(actual: Any, expected: Any, tolerance: float) -> bool:  # noqa: ANN401 - JSON enters here
    if isinstance(expected, list):
        return all(agrees(a, e, tolerance) for a, e in zip(actual, expected, strict=True))
    if expected is None:
        return actual is None or isinf(actual)
    if isinstance(expected, str | bool):
        return bool(actual == expected)
    return bool(abs(actual - expected) <= tolerance * max(1.0, abs(expected)))


@pytest.mark.skipif(not VECTORS.exists(), reason="the published vectors are not here")
def test_every_published_vector_is_met() -> None:
    missed = []
    for vector in json.loads(VECTORS.read_text())["vectors"]:
        found = outputs_of(vector)
        is_loose = vector["function"] in ("sequential_greater", "sequential_less")
        for key, expected in vector["outputs"].items():
            tolerance = 1e-3 if key in LOOSE or (is_loose and key == "p_value") else 1e-6
            if not agrees(found[key], expected, tolerance):
                missed.append((vector["id"], key, found[key], expected))

    assert missed == []


def test_a_worked_example_by_hand() -> None:
    """10 of 100 against 15 of 100, absolute: 0.05 ± 1.97 x sqrt(0.09 / 100 + 0.1275 / 100)."""
    found = compare_proportions({"n": 100, "sum": 10}, {"n": 100, "sum": 15}, relative=False)

    assert found.uplift == pytest.approx(0.05)
    assert found.standard_error == pytest.approx(0.0466369, abs=1e-7)
    assert found.interval == pytest.approx((-0.041988, 0.141988), abs=1e-5)
    assert found.p_value == pytest.approx(0.28502, abs=1e-4)


def test_one_sided_intervals_are_open_on_the_other_side() -> None:
    control, treatment = {"n": 100, "sum": 10}, {"n": 100, "sum": 15}

    greater = compare_proportions(control, treatment, alternative="greater")
    less = compare_proportions(control, treatment, alternative="less")

    assert greater.interval[1] == inf
    assert less.interval[0] == -inf
    assert greater.p_value is not None
    assert less.p_value == pytest.approx(1 - greater.p_value)


@pytest.mark.parametrize("method", ["fixed", "sequential", "bayesian"])
def test_no_variance_gives_neutral_numbers_and_says_so(method: Any) -> None:  # noqa: ANN401 - one of three words
    found = compare_proportions({"n": 9, "sum": 0}, {"n": 9, "sum": 3}, method=method)

    assert found.problem == "ZERO_NEGATIVE_VARIANCE"
    assert (found.uplift, found.interval) == (0.0, (0.0, 0.0))


def test_a_baseline_of_zero_has_no_relative_effect() -> None:
    control = {"n": 4, "sum": 0.0, "sum_squares": 4.0}
    treatment = {"n": 4, "sum": 2.0, "sum_squares": 4.0}

    assert compare_means(control, treatment).problem == "BASELINE_VARIATION_ZERO"
    assert compare_means(control, treatment, relative=False).problem is None


@pytest.mark.parametrize(
    ("control", "options"),
    [
        ({"n": 10}, {}),
        ({"n": 10, "sum": 11}, {}),
        ({"n": 10, "sum": float("nan")}, {}),
        ({"n": -1, "sum": 0}, {}),
        ({"n": 10, "sum": 5}, {"alpha": 0}),
        ({"n": 10, "sum": 5}, {"method": "bayes"}),
        ({"n": 10, "sum": 5}, {"alternative": "two_sided"}),
        ({"n": 10, "sum": 5}, {"prior_type": "none"}),
        ({"n": 10, "sum": 5}, {"alhpa": 0.05}),
        ({"n": 10, "sum": 5}, {"method": "sequential", "planned_users": -5}),
        ({"n": 10, "sum": 5}, {"phase_length_days": 7}),
        ({"n": 10, "sum": 5}, {"method": "bayesian", "prior": {"mean": 0, "variance": 0}}),
    ],
)
def test_impossible_input_is_refused(control: dict[str, float], options: Any) -> None:  # noqa: ANN401 - deliberately wrong
    with pytest.raises(InvalidInput):
        compare_proportions(control, {"n": 10, "sum": 4}, **options)


counts = st.integers(10, 5000)


@given(counts, counts, st.floats(0.05, 0.95), st.floats(0.05, 0.95))
def test_swapping_the_variations_swaps_the_sign(
    first: int, second: int, share: float, other: float
) -> None:
    control = {"n": first, "sum": round(first * share)}
    treatment = {"n": second, "sum": round(second * other)}

    forward = compare_proportions(control, treatment, relative=False)
    backward = compare_proportions(treatment, control, relative=False)

    assert forward.uplift == pytest.approx(-backward.uplift)
    assert forward.p_value == pytest.approx(backward.p_value)


@given(counts, st.floats(0.05, 0.95), st.floats(0.05, 0.95))
def test_peeking_costs_width(n: int, share: float, other: float) -> None:
    control, treatment = {"n": n, "sum": round(n * share)}, {"n": n, "sum": round(n * other)}

    fixed = compare_proportions(control, treatment)
    for planned in (None, 2 * n):
        peeked = compare_proportions(control, treatment, method="sequential", planned_users=planned)
        assert peeked.interval[0] <= fixed.interval[0]
        assert peeked.interval[1] >= fixed.interval[1]


def false_positives(runs: int, lift: float, **options: Any) -> float:  # noqa: ANN401 - passed on
    """Share of runs of 2 x 5,000 users that end as significant after up to 20 looks."""
    random = Random(7)  # noqa: S311 - a simulation, no secret
    hits = 0
    for _ in range(runs):
        control = treatment = 0
        for look in range(1, 21):
            control += _binomial(random, 250, 0.2)
            treatment += _binomial(random, 250, 0.2 * (1 + lift))
            users = look * 250
            found = compare_proportions(
                {"n": users, "sum": control}, {"n": users, "sum": treatment}, **options
            )
            if found.p_value is not None and found.p_value < 0.05:
                hits += 1
                break
    return hits / runs


def _binomial(random: Random, n: int, p: float) -> int:
    """Normal approximation, rounded: fast, and good enough for 250 draws of 0.2."""
    return min(n, max(0, round(random.gauss(n * p, (n * p * (1 - p)) ** 0.5))))


def test_a_plan_keeps_false_alarms_below_five_percent_at_less_loss_of_power() -> None:
    planned = {"method": "sequential", "planned_users": 10_000}
    default = {"method": "sequential"}

    assert false_positives(400, 0.0, **planned) <= 0.05
    assert false_positives(150, 0.0) > 0.1
    assert false_positives(150, 0.1, **planned) > false_positives(150, 0.1, **default) + 0.1
