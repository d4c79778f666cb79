"""How likely something is by chance."""

from __future__ import annotations

import math


def poisson_tail(count: int, mean: float) -> float:
    """The probability of `count` or more events where `mean` are expected.

    Source: the Poisson distribution's probability mass function, summed in logarithms.
    """
    if count <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    logs = (-mean + k * math.log(mean) - math.lgamma(k + 1) for k in range(count))
    return max(0.0, 1.0 - math.fsum(math.exp(value) for value in logs))
