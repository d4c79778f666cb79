"""How much the next days will cost, with an interval that the past has kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
WEEK = 7
LEARN_DAYS = 28
MIN_TRIALS = 8


@dataclass(frozen=True, slots=True)
class Forecast:
    """The sum of the next `days`; `low` and `high` bound it with probability `coverage`.

    The bounds are None where the history is too short to try the method often enough.
    """

    days: int
    estimate: float
    low: float | None
    high: float | None
    coverage: float
    trials: int


def forecast_total(series: Floats, days: int, *, coverage: float = 0.8) -> Forecast:
    """Forecast by weekday means of the last four weeks; bounds by trying it on the past.

    Each trial forecasts a stretch of the history from what lay before it. Actual over forecast is
    taken as log-normal; trials that overlap count as the number of separate stretches.
    """
    estimate = _estimate(series, days)
    ratios = []
    for end in range(len(series) - days, LEARN_DAYS - 1, -max(1, days // 4)):
        tried = _estimate(series[:end], days)
        if tried > 0:
            ratios.append(float(series[end : end + days].sum()) / tried)
    if len(ratios) < MIN_TRIALS or estimate <= 0:
        return Forecast(days, estimate, None, None, coverage, len(ratios))
    low, high = _bounds(np.log(np.maximum(ratios, 1e-6)), len(series) - LEARN_DAYS, days, coverage)
    return Forecast(days, estimate, estimate * low, estimate * high, coverage, len(ratios))


def _bounds(logs: Floats, tried_days: int, days: int, coverage: float) -> tuple[float, float]:
    """Factors between which the actual sum lies.

    Source: prediction interval of a normal sample; Hahn and Meeker, Statistical Intervals (1991),
    section 4.2, taken on logarithms.
    """
    from scipy.stats import t

    separate = max(2.0, tried_days / days)
    reach = float(t.ppf((1 + coverage) / 2, separate - 1)) * np.sqrt(1 + 1 / separate)
    middle, spread = float(logs.mean()), float(logs.std(ddof=1))
    return float(np.exp(middle - reach * spread)), float(np.exp(middle + reach * spread))


def _estimate(series: Floats, days: int) -> float:
    recent = series[-LEARN_DAYS:]
    if len(recent) < WEEK:
        return float(recent.mean() * days) if len(recent) else 0.0
    offsets = np.arange(-len(recent), 0) % WEEK
    means = np.array([recent[offsets == k].mean() for k in range(WEEK)])
    return float(means[np.arange(days) % WEEK].sum())
