"""`recommend_request`: the request that a series will exceed with a stated probability.

The rule is a mixture of quantiles: of the whole past, its last half and its last quarter. How much
each counts the series decides itself, by how well it foretold the series at several moments of its
history. A backtest then measures how often the mixture would not have done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from jobforge.core.errors import PayloadInvalid, SourceMalformed

FloatArray = NDArray[np.float64]

MIN_POINTS = 48
WINDOWS = (1.0, 0.5, 0.25)
"""Shares of the history that the candidates look at."""
ORIGINS = 8
SHARPNESS = 3.0
"""How fast a candidate that foretells worse loses weight: by exp(-3 x relative excess loss)."""
TAIL_FACTOR = 0.85
"""Of the wanted probability: a quantile fitted to one stretch is passed more often in the next.

`SHARPNESS` and this factor were chosen on 32 recorded and 60 generated series by what followed the
first 60 % of each.
"""
PRIOR_WEIGHT = 2.0
"""Backtest segments' worth of belief in the wanted probability itself."""


@dataclass(frozen=True, slots=True)
class BacktestPoint:
    """One moment of the backtest: what would have been requested, and what came."""

    trained_on: int
    judged_on: int
    request: float
    breach_share: float


@dataclass(frozen=True, slots=True)
class Recommendation:
    """How much to request, in the series' own unit.

    `breach_probability` is the share of time expected above `request`, measured by the backtest and
    drawn a little to what was wanted; `interval` is the range of requests that the backtest's
    moments would have chosen, lowest to highest. `evidence` says how it came about.
    """

    request: float
    breach_probability: float
    interval: tuple[float, float]
    headroom: float
    has_shift: bool
    backtest: tuple[BacktestPoint, ...]
    evidence: tuple[str, ...]


def recommend_request(
    timestamps: Sequence[float] | Sequence[datetime] | FloatArray,
    values: Sequence[float] | FloatArray,
    *,
    breach_probability: float = 0.05,
) -> Recommendation:
    """The request that will be exceeded for a `breach_probability` share of the time.

    Times are Unix seconds or aware datetimes, ascending; values NaN are left out. Deterministic.

    Raises:
        SourceMalformed: fewer than 48 values, times and values differ in number, times do not
            ascend, or a value is negative or infinite.
        PayloadInvalid: the probability is not in (0, 0.5].
    """
    if not 0.0 < breach_probability <= 0.5:  # noqa: PLR2004 (more than half is no request)
        raise PayloadInvalid(
            "breach_probability must be in (0, 0.5]", pointer="/breach_probability"
        )
    series = _clean(timestamps, values)
    weights = _weights(series, breach_probability)
    request = _request(series, weights, breach_probability)
    backtest = tuple(_judge(series, *cut, breach_probability) for cut in _origins(series.size))
    shares = [point.breach_share for point in backtest]
    stated = (sum(shares) + PRIOR_WEIGHT * breach_probability) / (len(shares) + PRIOR_WEIGHT)
    median = float(np.median(series[series.size // 2 :]))
    requests = [*(point.request for point in backtest), request]
    return Recommendation(
        request=request,
        breach_probability=round(stated, 4),
        interval=(min(requests), max(requests)),
        headroom=request / median - 1.0 if median > 0 else float("inf"),
        has_shift=_has_shift(series),
        backtest=backtest,
        evidence=_evidence(series, weights, backtest, breach_probability),
    )


def _clean(
    timestamps: Sequence[float] | Sequence[datetime] | FloatArray,
    values: Sequence[float] | FloatArray,
) -> FloatArray:
    series = np.asarray(values, dtype=np.float64)
    times = np.asarray(
        [t.timestamp() if isinstance(t, datetime) else float(t) for t in timestamps],
        dtype=np.float64,
    )
    if series.ndim != 1 or series.shape != times.shape:
        raise SourceMalformed(f"{times.size} times and {series.size} values")
    if times.size > 1 and not (np.diff(times) > 0).all():
        raise SourceMalformed("times do not ascend")
    known = series[~np.isnan(series)]
    if known.size < MIN_POINTS:
        raise SourceMalformed(f"{known.size} values; {MIN_POINTS} are needed")
    if not np.isfinite(known).all() or (known < 0).any():
        raise SourceMalformed("usage is neither negative nor infinite")
    return known


def _origins(size: int) -> list[tuple[int, int]]:
    """Moments of the backtest, each with the end of the segment that judges it."""
    edges = np.linspace(0.4 * size, size, ORIGINS + 1).astype(int)
    length = max(1, size // 5)
    return [(int(begin), min(size, int(begin) + length)) for begin in edges[:-1]]


def _candidates(past: FloatArray, tail: float) -> FloatArray:
    """The quantile of each window of the past."""
    smallest = MIN_POINTS // 2
    recent = (past[-max(smallest, int(past.size * window)) :] for window in WINDOWS)
    return np.array([np.quantile(part, 1.0 - tail) for part in recent])


def _request(past: FloatArray, weights: FloatArray, wanted: float) -> float:
    return float(weights @ _candidates(past, wanted * TAIL_FACTOR))


def _weights(series: FloatArray, wanted: float) -> FloatArray:
    """How much each window counts, by its quantile loss at the moments of the series.

    Source: Koenker and Bassett 1978, "Regression Quantiles", equation (1.1), for the loss.
    """
    losses = np.zeros(len(WINDOWS))
    for begin, end in _origins(series.size):
        miss = series[begin:end, None] - _candidates(series[:begin], wanted)[None, :]
        losses += np.where(miss > 0, (1.0 - wanted) * miss, -wanted * miss).mean(axis=0)
    if losses.min() <= 0:
        return np.full(len(WINDOWS), 1.0 / len(WINDOWS))
    weights: FloatArray = np.exp(-SHARPNESS * (losses / losses.min() - 1.0))
    normalised: FloatArray = weights / weights.sum()
    return normalised


def _judge(series: FloatArray, begin: int, end: int, wanted: float) -> BacktestPoint:
    past = series[:begin]
    request = _request(past, _weights(past, wanted), wanted)
    share = float((series[begin:end] > request).mean())
    return BacktestPoint(begin, end - begin, request, share)


def _has_shift(series: FloatArray) -> bool:
    """Whether a quarter of the series lies far from the rest: its level moved."""
    medians = [float(np.median(part)) for part in np.array_split(series, 8)]
    within = [float(np.subtract(*np.percentile(p, [75, 25]))) for p in np.array_split(series, 8)]
    spread = max(float(np.median(within)), 1e-12)
    return max(medians) - min(medians) > 3.0 * spread


def _evidence(
    series: FloatArray, weights: FloatArray, backtest: tuple[BacktestPoint, ...], wanted: float
) -> tuple[str, ...]:
    shares = [point.breach_share for point in backtest]
    mixture = ", ".join(
        f"{weight:.0%} of the last {window:.0%}"
        for weight, window in zip(weights, WINDOWS, strict=True)
    )
    return (
        f"quantile {1.0 - wanted * TAIL_FACTOR:.4g} of {series.size:,} values, mixed: {mixture}",
        f"backtest at {len(backtest)} moments: above the request {min(shares):.1%} to "
        f"{max(shares):.1%} of the time that followed, {sum(shares) / len(shares):.1%} on average "
        f"({wanted:.1%} wanted)",
    )
