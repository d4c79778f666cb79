"""The distributions that the tests need; far tails keep their digits."""

from __future__ import annotations

from math import exp, pi, sqrt


def normal_cdf(x: float) -> float:
    """P(Z <= x)."""
    from scipy.special import ndtr  # costs 60 ms that other parts of the domain need not pay

    return float(ndtr(x))


def normal_quantile(p: float) -> float:
    """The x with P(Z <= x) = p."""
    from scipy.special import ndtri

    return float(ndtri(p))


def normal_density(x: float) -> float:
    """The density at x."""
    return exp(-x * x / 2) / sqrt(2 * pi)


def student_cdf(x: float, degrees: float) -> float:
    """P(T <= x) for Student's t."""
    from scipy.special import stdtr

    return float(stdtr(degrees, x))


def student_quantile(p: float, degrees: float) -> float:
    """The x with P(T <= x) = p for Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, p))


def chi_square_tail(x: float, degrees: float) -> float:
    """P(X > x) for chi-squared."""
    from scipy.special import chdtrc

    return float(chdtrc(degrees, x))


def positive_part(mean: float, deviation: float) -> float:
    """E[max(X, 0)] for a normal X; `deviation` above 0."""
    z = mean / deviation
    return mean * normal_cdf(z) + deviation * normal_density(z)
