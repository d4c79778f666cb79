"""Survival, drift and revenue at risk: what stands beside the list of accounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from jobforge.autopilots.finops.churn.encoding import Customer, Encoding

Floats = NDArray[np.float64]
Z_95 = 1.959963984540054
DRIFT_BINS = 10


@dataclass(frozen=True, slots=True)
class SurvivalPoint:
    """Share of customers still there after `time`, in the column's own unit."""

    time: float
    survival: float
    at_risk: int


def survival_curve(times: Sequence[float], left: Sequence[bool]) -> list[SurvivalPoint]:
    """Who stays how long; customers who have not left count until now.

    Source: Kaplan and Meier, Nonparametric Estimation from Incomplete Observations (1958).
    """
    ages, gone = np.asarray(times, np.float64), np.asarray(left, np.bool_)
    points, survival = [], 1.0
    for moment in np.unique(ages[gone]):
        at_risk = int((ages >= moment).sum())
        survival *= 1 - int((gone & (ages == moment)).sum()) / at_risk
        points.append(SurvivalPoint(float(moment), survival, at_risk))
    return points


def revenue_at_risk(
    probabilities: Sequence[float], revenues: Sequence[Decimal]
) -> tuple[Decimal, Decimal, Decimal]:
    """Expected monthly revenue lost, and the 95 % interval around it.

    Each customer leaves or stays on his own: the variance is the sum of p (1 - p) mrr^2.
    """
    p = np.asarray(probabilities, np.float64)
    amounts = np.array([float(r) for r in revenues])
    expected = float((p * amounts).sum())
    reach = Z_95 * float(np.sqrt((p * (1 - p) * amounts**2).sum()))
    low, high = max(0.0, expected - reach), min(float(amounts.sum()), expected + reach)
    return tuple(Decimal(f"{v:.2f}") for v in (expected, low, high))  # type: ignore[return-value]  # three of them


def population_drift(
    encoding: Encoding, before: Sequence[Customer], now: Sequence[Customer]
) -> dict[str, float]:
    """Population stability index of every column: above 0.25 the customers have changed.

    Source: Siddiqi, Credit Risk Scorecards (2006), chapter 7.
    """
    old_numbers, new_numbers = encoding.numbers(before), encoding.numbers(now)
    found = {}
    for at, column in enumerate(encoding.numeric):
        known = old_numbers[:, at][np.isfinite(old_numbers[:, at])]
        edges = np.unique(np.quantile(known, np.linspace(0, 1, DRIFT_BINS + 1))[1:-1])
        found[column.name] = _stability(
            _binned(old_numbers[:, at], edges), _binned(new_numbers[:, at], edges)
        )
    old_words, new_words = encoding.words(before), encoding.words(now)
    for at, category in enumerate(encoding.categories):
        size = len(category.words) + 1
        found[category.name] = _stability(
            np.bincount(old_words[:, at] + 1, minlength=size),
            np.bincount(new_words[:, at] + 1, minlength=size),
        )
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _binned(values: Floats, edges: Floats) -> NDArray[np.int_]:
    """Counts per bin; blanks are a bin of their own."""
    at = np.where(np.isfinite(values), np.searchsorted(edges, values, "right"), len(edges) + 1)
    return np.bincount(at, minlength=len(edges) + 2)


def _stability(before: NDArray[np.int_], now: NDArray[np.int_]) -> float:
    old = (before + 0.5) / (before.sum() + 0.5 * len(before))
    new = (now + 0.5) / (now.sum() + 0.5 * len(now))
    return float(((new - old) * np.log(new / old)).sum())
