"""The public `detect_anomalies`: no look-ahead, one configuration, scores that mean something."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobforge.autopilots.finops import detect_anomalies, detect_anomalies_many
from jobforge.autopilots.finops.anomalies.surprise import surprise
from jobforge.core.errors import InvalidInput

HOURS = [3600.0 * n for n in range(1200)]


def daily_wave(seed: int = 0) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    noise = np.random.default_rng(seed).normal(0, 2, len(HOURS))
    return 100 + 20 * np.sin(2 * np.pi * np.arange(len(HOURS)) / 24) + noise


def test_a_spike_after_the_probation_is_an_alarm() -> None:
    values = daily_wave()
    values[900] += 150

    found = detect_anomalies(HOURS, values)

    assert 900 in found.alarms
    assert found.scores[900] == found.scores[800:1000].max()


def test_a_level_shift_is_noticed_within_a_day() -> None:
    values = daily_wave()
    values[700:] += 80

    alarms = detect_anomalies(HOURS, values).alarms

    assert any(700 <= at < 724 for at in alarms)


@settings(max_examples=15, deadline=None)
@given(cut=st.integers(200, 1100), seed=st.integers(0, 9))
def test_no_score_depends_on_a_later_point(cut: int, seed: int) -> None:
    values = daily_wave(seed)
    changed = values.copy()
    changed[cut:] = np.random.default_rng(seed + 1).normal(0, 1e6, len(values) - cut)

    before, after = (detect_anomalies(HOURS, v).scores for v in (values, changed))

    assert np.array_equal(before[:cut], after[:cut])


def test_scores_lie_between_zero_and_one_and_probation_has_none() -> None:
    scores = detect_anomalies(HOURS, daily_wave(), probation=0.2).scores

    assert scores.shape == (1200,)
    assert (scores >= 0).all()
    assert (scores <= 1).all()
    assert not scores[:240].any()


def test_many_series_score_as_each_would_alone() -> None:
    matrix = np.stack([daily_wave(seed) for seed in range(3)])

    together = detect_anomalies_many(HOURS, matrix)

    for row, scored in zip(matrix, together, strict=True):
        assert np.array_equal(scored.scores, detect_anomalies(HOURS, row).scores)


def test_a_flat_series_has_no_alarm() -> None:
    assert not len(detect_anomalies(HOURS, np.full(len(HOURS), 7.3)).alarms)


def test_timestamps_may_be_datetimes() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    moments = [start + timedelta(hours=n) for n in range(len(HOURS))]
    values = daily_wave()

    assert np.array_equal(
        detect_anomalies(moments, values).scores, detect_anomalies(HOURS, values).scores
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, float("nan"), 2.0], "finite"),
        ([1.0, 2.0], "one value per timestamp"),
        ([[1.0], [2.0], [3.0]], "one number per point"),
    ],
)
def test_values_that_cannot_be_scored_are_refused(values: list[float], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        detect_anomalies([1.0, 2.0, 3.0], values)


def test_the_unit_of_a_series_does_not_matter_however_huge() -> None:
    values = np.random.default_rng(6).normal(100, 10, 300)

    scores = detect_anomalies(list(range(300)), values).scores
    huge = detect_anomalies(list(range(300)), values * 2.0**1000).scores

    assert np.allclose(scores, huge)


def test_surprise_counts_how_many_earlier_points_are_as_large() -> None:
    values = np.array([[*range(100), 99.0, 98.5, 1000.0]])

    found = surprise(values)[0]

    assert found[100] == pytest.approx(-np.log10(2 / 101))
    assert found[101] == pytest.approx(-np.log10(3 / 102))
    assert found[102] == pytest.approx(-np.log10(1 / 103))
