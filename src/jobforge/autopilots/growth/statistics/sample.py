"""Samples as sums over users, and what follows from them: means, variances, covariances.

A statistic is a mapping with the sums of one variation: `n`, `sum` and, except for proportions,
`sum_squares`; ratio and CUPED metrics nest two or four of them and give sums of products.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

from jobforge.core.errors import InvalidInput

Statistic = Mapping[str, Any]
Metric = Literal["proportion", "mean", "ratio", "cuped_proportion", "cuped_mean", "cuped_ratio"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One variable over the users of one variation. `sum_squares` is None for yes-or-no values."""

    n: float
    sum: float
    sum_squares: float | None

    @property
    def mean(self) -> float:
        """0 for no users."""
        return self.sum / self.n if self.n else 0.0

    @property
    def variance(self) -> float:
        """p(1 - p) for yes-or-no values, else the unbiased sample variance."""
        if self.sum_squares is None:
            return self.mean * (1 - self.mean)
        if self.n <= 1:
            return 0.0
        return (self.sum_squares - self.sum**2 / self.n) / (self.n - 1)

    def __add__(self, other: Sample) -> Sample:
        if self.sum_squares is None or other.sum_squares is None:
            return Sample(self.n + other.n, self.sum + other.sum, None)
        return Sample(self.n + other.n, self.sum + other.sum, self.sum_squares + other.sum_squares)


def covariance(first: Sample, second: Sample, products: float) -> float:
    """Covariance of two variables of the same users, from the sum of their products."""
    n = first.n
    if n <= 1:
        return 0.0
    if first.sum_squares is None and second.sum_squares is None:
        return products / n - first.sum * second.sum / n**2
    return (products - first.sum * second.sum / n) / (n - 1)


def read_sample(statistic: Statistic, *, is_proportion: bool) -> Sample:
    """Read one variable.

    Raises:
        InvalidInput: a sum is missing, not finite, or impossible.
    """
    n, total = number(statistic, "n"), number(statistic, "sum")
    squares = None if is_proportion else number(statistic, "sum_squares")
    if n < 0:
        raise InvalidInput(f"n is {n}: a number of users is not negative")
    if is_proportion and not 0 <= total <= n:
        raise InvalidInput(f"{total} of {n} users is no proportion")
    return Sample(n, total, squares)


def number(statistic: Statistic, key: str) -> float:
    """A finite number of a statistic.

    Raises:
        InvalidInput: it is missing, or not a finite number.
    """
    value = statistic.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"a statistic needs {key!r}; there are {sorted(statistic)}")
    result = float(value)
    if not isfinite(result):
        raise InvalidInput(f"{key} is {value}, which is not finite")
    return result


def nested(statistic: Statistic, key: str) -> Statistic:
    """A statistic inside a statistic.

    Raises:
        InvalidInput: it is missing.
    """
    value = statistic.get(key)
    if not isinstance(value, Mapping):
        raise InvalidInput(f"a statistic needs {key!r}; there are {sorted(statistic)}")
    return value
