"""Repeat purchases without labels: the BG/NBD model of buying until you quietly stop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jobforge.core.errors import InvalidInput

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BgNbd:
    """A fitted model: purchase rates are gamma(r, alpha), dropout after a purchase is beta(a, b).

    Source: Fader, Hardie, Lee, "Counting Your Customers" the Easy Way, Marketing Science 24 (2005).
    """

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float

    def alive(self, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> Floats:
        """Probability that each customer still buys; 1 for those without a repeat purchase.

        Source: Fader, Hardie, Computing P(alive) Using the BG/NBD Model (2008), eq. 1.
        """
        x, last, span = (np.asarray(v, np.float64) for v in (frequency, recency, age))
        ratio = ((self.alpha + span) / (self.alpha + last)) ** (self.r + x)
        odds = self.a / (self.b + np.maximum(x, 1) - 1) * ratio
        return np.asarray(np.where(x > 0, 1 / (1 + odds), 1.0))

    def expected_purchases(
        self, horizon: float, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike
    ) -> Floats:
        """Purchases each customer makes in the next `horizon`, in the unit of `age`.

        Source: Fader, Hardie, Lee (2005), eq. 10.
        """
        from scipy.special import hyp2f1

        x, span = np.asarray(frequency, np.float64), np.asarray(age, np.float64)
        first = (self.a + self.b + x - 1) / (self.a - 1)
        base = self.alpha + span
        series = hyp2f1(self.r + x, self.b + x, self.a + self.b + x - 1, horizon / (base + horizon))
        grown = 1 - (base / (base + horizon)) ** (self.r + x) * series
        return np.asarray(first * grown * self.alive(frequency, recency, age))


def fit_bg_nbd(frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> BgNbd:
    """Fit by maximum likelihood.

    Args:
        frequency: repeat purchases of each customer, 0 and more.
        recency: time from the first to the last purchase; 0 where there was no repeat.
        age: time from the first purchase to the end of observation, same unit.

    Raises:
        InvalidInput: no customers, no repeat purchase at all, unequal lengths, or values that
            cannot be.
    """
    x, last, span = _checked(frequency, recency, age)
    # The unit of time moves alpha only; near 1 the search is well conditioned.
    scale = float(span.mean())
    points, counts = np.unique(
        np.stack([x, last / scale, span / scale]), axis=1, return_counts=True
    )
    logs, value = _search(points, counts.astype(np.float64))
    r, alpha, a, b = np.exp(logs)
    return BgNbd(
        r=float(r),
        alpha=float(alpha) * scale,
        a=float(a),
        b=float(b),
        log_likelihood=-value - float(x.sum()) * float(np.log(scale)),
    )


def _checked(frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> tuple[Floats, ...]:
    x, last, span = (np.asarray(v, np.float64) for v in (frequency, recency, age))
    if not x.ndim == last.ndim == span.ndim == 1 or not len(x) == len(last) == len(span):
        raise InvalidInput("frequency, recency and age have one value per customer")
    if not len(x) or not x.any():
        raise InvalidInput("there is no repeat purchase to learn from")
    if not np.isfinite(np.concatenate([x, last, span])).all():
        raise InvalidInput("frequency, recency and age are finite numbers")
    if (x < 0).any() or (last < 0).any() or (last > span).any() or (span <= 0).any():
        raise InvalidInput("0 <= recency <= age, 0 < age and 0 <= frequency hold for everyone")
    return x, last, span


def _search(points: Floats, counts: Floats) -> tuple[Floats, float]:
    from scipy.optimize import minimize

    best = minimize(_negative_log_likelihood, np.zeros(4), (points, counts), method="L-BFGS-B")
    polished = minimize(
        _negative_log_likelihood,
        best.x,
        (points, counts),
        method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-9, "maxiter": 4000, "maxfev": 4000},
    )
    if not polished.success or not np.isfinite(polished.fun):
        raise InvalidInput("the purchases do not determine the model: the search did not settle")
    return np.asarray(polished.x), float(polished.fun)


def _negative_log_likelihood(logs: Floats, points: Floats, counts: Floats) -> float:
    """Source: Fader, Hardie, Lee (2005), eq. 6, in logarithms."""
    from scipy.special import betaln, gammaln

    r, alpha, a, b = np.exp(logs)
    x, last, span = points
    common = gammaln(r + x) - gammaln(r) + r * np.log(alpha) - betaln(a, b)
    stays = betaln(a, b + x) - (r + x) * np.log(alpha + span)
    leaves = betaln(a + 1, b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + last)
    both = np.where(x > 0, np.logaddexp(stays, leaves), stays)
    return -float((counts * (common + both)).sum())
