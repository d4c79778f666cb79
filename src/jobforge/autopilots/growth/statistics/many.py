"""Several tests at once, and whether the traffic was split as planned."""

from __future__ import annotations

from collections.abc import Sequence

from jobforge.autopilots.growth.statistics.distributions import chi_square_tail
from jobforge.core.errors import InvalidInput

SRM_ALPHA = 0.001
"""Below this the split is taken to be broken.

Source: Fabijan et al., Diagnosing Sample Ratio Mismatch in Online Controlled Experiments, KDD 2019.
"""


def srm_p_value(users: Sequence[float], weights: Sequence[float]) -> float:
    """p-value of the observed split against the planned weights, which need not add up to 1.

    Variations of weight 0 are left out. Source: Pearson's chi-squared test.

    Raises:
        InvalidInput: lengths differ, a number is negative, or there are not two variations.
    """
    if len(users) != len(weights):
        raise InvalidInput(f"{len(users)} numbers of users and {len(weights)} weights")
    if any(u < 0 for u in users) or any(w < 0 for w in weights):
        raise InvalidInput("users and weights are not negative")
    pairs = [(u, w) for u, w in zip(users, weights, strict=True) if w > 0]
    total, weight = sum(u for u, _ in pairs), sum(w for _, w in pairs)
    if len(pairs) < 2 or total == 0:  # noqa: PLR2004 - a split needs two sides
        raise InvalidInput("a split needs two variations with weight, and users")
    expected = [total * w / weight for _, w in pairs]
    statistic = sum((u - e) ** 2 / e for (u, _), e in zip(pairs, expected, strict=True))
    return chi_square_tail(statistic, len(pairs) - 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values that control the chance of any false alarm.

    Source: Holm, A Simple Sequentially Rejective Multiple Test Procedure, 1979.
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, (len(p_values) - rank) * p_values[index])
        adjusted[index] = min(1.0, highest)
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values that control the share of false alarms among the findings.

    Source: Benjamini and Hochberg, Controlling the False Discovery Rate, 1995.
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i], reverse=True)
    adjusted = [0.0] * len(p_values)
    lowest = 1.0
    for rank, index in enumerate(order):
        lowest = min(lowest, p_values[index] * len(p_values) / (len(p_values) - rank))
        adjusted[index] = lowest
    return adjusted
