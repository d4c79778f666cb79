"""Tests of sample sizes, power and the correction of many tests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobforge.autopilots.growth import (
    benjamini_hochberg,
    holm,
    mid_experiment_power,
    minimum_detectable_effect,
    power_proportions,
    sample_size_means,
    sample_size_proportions,
    srm_p_value,
)
from jobforge.core.errors import InvalidInput


def test_a_sample_size_known_from_textbooks() -> None:
    assert sample_size_proportions(0.1, 0.02, relative=False) == 3839
    assert sample_size_proportions(0.1, 0.2) == 3839
    assert sample_size_means(100, 50, 0.05) == 1570


@given(st.floats(0.02, 0.5), st.floats(0.05, 0.5), st.floats(0.6, 0.95))
def test_the_sample_size_reaches_the_asked_power(baseline: float, mde: float, power: float) -> None:
    users = sample_size_proportions(baseline, mde, power=power)

    assert power_proportions(baseline, mde, users) >= power
    assert power_proportions(baseline, mde, users * 0.9) < power + 0.001


def test_the_detectable_effect_shrinks_with_the_root_of_the_users() -> None:
    few, many = (minimum_detectable_effect(0.1, users) for users in (1000, 4000))

    assert many == pytest.approx(few / 2)


@pytest.mark.parametrize("baseline", [0, 1, -0.1, 0.95])
def test_shares_outside_the_unit_interval_are_refused(baseline: float) -> None:
    with pytest.raises(InvalidInput):
        sample_size_proportions(baseline, 0.1)


def test_an_effect_of_nothing_cannot_be_found() -> None:
    with pytest.raises(InvalidInput, match="cannot be found"):
        sample_size_means(10, 1, 0)


def test_a_running_experiment_says_how_many_users_it_still_needs() -> None:
    found = mid_experiment_power(
        {"n": 1000, "sum": 100}, {"n": 1000, "sum": 110}, metric="proportion",
        power_config={"target_mde": 0.1},
    )  # fmt: skip

    assert found.power_now < found.power_at_double < 0.8
    assert found.additional_users == pytest.approx(2000 * (found.scaling_factor or 0))


def test_an_experiment_without_variance_has_no_power_to_speak_of() -> None:
    found = mid_experiment_power({"n": 9, "sum": 0}, {"n": 9, "sum": 1}, metric="proportion")

    assert (found.status, found.problem) == ("unsuccessful", "ZERO_NEGATIVE_VARIANCE")


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(InvalidInput, match="power_config"):
        mid_experiment_power(
            {"n": 9, "sum": 2}, {"n": 9, "sum": 1}, metric="proportion",
            power_config={"target": 1},
        )  # fmt: skip


def test_corrections_agree_with_published_examples() -> None:
    """Holm 1979 and Benjamini and Hochberg 1995, their worked example of 15 p-values."""
    p_values = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324,
                0.4262, 0.5719, 0.6528, 0.759, 1.0]  # fmt: skip

    assert sum(p <= 0.05 for p in holm(p_values)) == 3
    assert sum(p <= 0.05 for p in benjamini_hochberg(p_values)) == 4


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_corrections_never_lower_a_p_value(p_values: list[float]) -> None:
    for corrected in (holm(p_values), benjamini_hochberg(p_values)):
        assert all(c >= p - 1e-12 for c, p in zip(corrected, p_values, strict=True))


def test_an_even_split_is_fine_and_a_crooked_one_is_not() -> None:
    assert srm_p_value([5000, 5050], [1, 1]) > 0.5
    assert srm_p_value([5000, 5500], [1, 1]) < 0.001


@pytest.mark.parametrize("users", [[1], [1, 2, 3], [-1, 2], [0, 0]])
def test_a_split_that_is_none_is_refused(users: list[float]) -> None:
    with pytest.raises(InvalidInput):
        srm_p_value(users, [0.5, 0.5])
