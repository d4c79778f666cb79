"""Tests of `recommend_request`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobforge.autopilots.ops import recommend_request
from jobforge.core.errors import PayloadInvalid, SourceMalformed


def usage(kind: int, seed: int, size: int = 2000) -> np.ndarray:
    random = np.random.default_rng(seed)
    noise = random.standard_normal(size)
    if kind == 0:
        return np.exp(0.3 * noise)
    if kind == 1:
        return np.maximum(10 + 5 * np.sin(np.arange(size) / 288 * 2 * np.pi) + noise, 0)
    spikes = (random.random(size) < 0.04) * random.exponential(3, size)
    return 1 + 0.1 * np.abs(noise) + spikes


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_a_stated_probability_is_observed_on_what_follows(kind: int) -> None:
    observed, stated = [], []
    for seed in range(12):
        series = usage(kind, seed)
        cut = 1200
        advice = recommend_request(range(cut), series[:cut], breach_probability=0.05)
        observed.append((series[cut:] > advice.request).mean())
        stated.append(advice.breach_probability)

    assert 0.03 <= np.mean(observed) <= 0.08
    assert abs(np.mean(stated) - np.mean(observed)) <= 0.02


def test_a_smaller_probability_asks_for_more() -> None:
    series = usage(0, 1)
    requests = [
        recommend_request(range(2000), series, breach_probability=p).request
        for p in (0.2, 0.05, 0.01)
    ]

    assert requests == sorted(requests)
    assert len(set(requests)) == 3


def test_a_lower_level_of_late_lowers_the_request() -> None:
    random = np.random.default_rng(0)
    series = np.concatenate([50 + random.random(1500), 20 + random.random(1500)])

    advice = recommend_request(range(3000), series)

    assert advice.request < np.quantile(series, 0.95) - 5
    assert advice.has_shift is True


def test_the_evidence_names_the_backtest() -> None:
    advice = recommend_request(range(2000), usage(0, 3))

    assert len(advice.backtest) == 8
    assert "backtest at 8 moments" in advice.evidence[1]
    assert advice.interval[0] <= advice.request <= advice.interval[1]
    assert advice.has_shift is False


def test_datetimes_and_gaps_are_understood() -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    times = [begin + timedelta(minutes=5 * i) for i in range(300)]
    values = usage(0, 4, 300)
    values[10:20] = np.nan

    advice = recommend_request(times, values)

    assert advice.request == recommend_request(range(290), values[~np.isnan(values)]).request


def test_a_constant_series_is_requested_as_it_is() -> None:
    advice = recommend_request(range(100), [3.0] * 100)

    assert advice.request == pytest.approx(3.0)
    assert advice.headroom == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("times", "values"),
    [
        (range(47), [1.0] * 47),
        (range(100), [1.0] * 99),
        ([0.0] * 100, [1.0] * 100),
        (range(100), [-1.0] * 100),
        (range(100), [float("inf")] * 100),
        (range(100), [float("nan")] * 100),
        ([], []),
    ],
)
def test_a_series_that_says_too_little_is_an_error(times: list[float], values: list[float]) -> None:
    with pytest.raises(SourceMalformed):
        recommend_request(times, values)


@pytest.mark.parametrize("probability", [0.0, -0.1, 0.6, float("nan")])
def test_a_probability_that_is_none_is_an_error(probability: float) -> None:
    with pytest.raises(PayloadInvalid):
        recommend_request(range(100), [1.0] * 100, breach_probability=probability)


@given(st.lists(st.floats(0, 1e6), min_size=48, max_size=80), st.floats(1e-3, 1e3))
def test_the_unit_does_not_matter(values: list[float], factor: float) -> None:
    one = recommend_request(range(len(values)), values)
    other = recommend_request(range(len(values)), [value * factor for value in values])

    assert other.request == pytest.approx(one.request * factor, rel=1e-6, abs=1e-6)
    assert min(values) <= one.request * (1 + 1e-9) + 1e-9
    assert one.request <= max(values) * (1 + 1e-9) + 1e-9
