"""Tests that may be looked at as often as one likes.

Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, Time-uniform central limit theory and
asymptotic confidence sequences, arXiv 2103.06476, equations 9, 134, 155 and 161. With a
planned end: the reflection principle for Brownian motion (Siegmund, Sequential Analysis, 1985).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, expm1, inf, log, sqrt

from jobforge.autopilots.growth.statistics.distributions import normal_cdf, normal_quantile
from jobforge.autopilots.growth.statistics.effect import Effect

PLANNED_SHARE = 0.75
"""Share of alpha spent until the planned end; the rest keeps the test valid beyond it."""

_LOWEST_LEVEL, _HIGHEST_LEVEL = 1e-5, 0.4999
_MAX_EXPONENT = 700.0


@dataclass(frozen=True, slots=True)
class SequentialPlan:
    """When the test should be at its best.

    `tuning_parameter`: users at which the endless sequence is narrowest. `planned_users`: of both
    variations together, when the experiment will end; None where there is no such plan.
    """

    tuning_parameter: float = 5000
    planned_users: float | None = None


def rho(alpha: float, tuning_parameter: float) -> float:
    """The mixture parameter that makes the sequence narrowest at that many users."""
    root = -2 * log(alpha)
    return sqrt((root + log(root + 1)) / tuning_parameter)


def half_width(effect: Effect, alpha: float, tuning_parameter: float) -> float:
    """Half the width of the two-sided confidence sequence; equation 9."""
    squared = rho(alpha, tuning_parameter) ** 2
    n = effect.users
    grown = n * squared + 1
    return effect.standard_error * sqrt(2 * grown / (n * squared) * log(sqrt(grown) / alpha))


def one_sided_width(effect: Effect, alpha: float, tuning_parameter: float) -> float:
    """Distance of the bound of the one-sided confidence sequence; equation 134."""
    squared = rho(2 * alpha, tuning_parameter) ** 2
    n = effect.users
    grown = n * squared + 1
    inside = log(1 + sqrt(grown) / (2 * alpha))
    return effect.standard_error * sqrt(2 * grown / (n * squared) * inside)


def p_value(effect: Effect, alpha: float, tuning_parameter: float) -> float:
    """Always-valid p-value of the two-sided test; equations 155 and 161."""
    squared = rho(alpha, tuning_parameter) ** 2
    grown = effect.users * squared + 1
    score = effect.estimate**2 * effect.users / effect.variance
    exponent = squared * score / (2 * grown)
    return min(1.0, sqrt(grown) * exp(-exponent))


def one_sided_p_value(
    effect: Effect, alpha: float, tuning_parameter: float, *, is_greater: bool
) -> float:
    """The level at which the one-sided bound touches zero, rho kept; equation 134 solved for it.

    Kept within [1e-5, 0.4999], the levels for which the bound is defined and finite.
    """
    squared = rho(2 * alpha, tuning_parameter) ** 2
    grown = effect.users * squared + 1
    towards = effect.estimate if is_greater else -effect.estimate
    if towards <= 0:
        return _HIGHEST_LEVEL
    exponent = towards**2 * effect.users * squared / (2 * grown * effect.variance)
    level = sqrt(grown) / (2 * expm1(min(exponent, _MAX_EXPONENT)))
    return min(max(level, _LOWEST_LEVEL), _HIGHEST_LEVEL)


def planned_width(effect: Effect, alpha: float, planned_users: float, *, sides: int) -> float:
    """Half width up to a planned end; infinite beyond it.

    A Brownian motion stays below c until time 1 with probability 1 - 2(1 - Phi(c)), so
    c = z(1 - alpha / (2 x sides)), at each look divided by the share of the information.
    """
    share = effect.users / planned_users
    if share > 1:
        return inf
    return effect.standard_error * normal_quantile(1 - alpha / (2 * sides)) / sqrt(share)


def planned_p_value(effect: Effect, planned_users: float, *, direction: int) -> float:
    """p-value up to a planned end, 1 beyond it; `direction` is 0 for two-sided, else +1 or -1."""
    share = effect.users / planned_users
    if share > 1:
        return 1.0
    score = effect.estimate / effect.standard_error * sqrt(share)
    if direction == 0:
        return min(1.0, 4 * normal_cdf(-abs(score)))
    return min(1.0, 2 * normal_cdf(-score * direction))


def sequential_test(
    effect: Effect, alpha: float, plan: SequentialPlan, *, direction: int
) -> tuple[float, float]:
    """Width from the estimate to the bound, and p-value; `direction` 0 is two-sided.

    With a plan, three quarters of alpha go to the test up to the planned end and the rest to the
    sequence that goes on for ever; at each look the narrower bound counts, which is valid together.
    """
    if plan.planned_users is None:
        return _endless(effect, alpha, plan.tuning_parameter, direction=direction)
    early, late = PLANNED_SHARE * alpha, (1 - PLANNED_SHARE) * alpha
    sides = 2 if direction == 0 else 1
    width = planned_width(effect, early, plan.planned_users, sides=sides)
    p = planned_p_value(effect, plan.planned_users, direction=direction)
    tail, p_tail = _endless(effect, late, plan.planned_users, direction=direction)
    return min(width, tail), min(1.0, p / PLANNED_SHARE, p_tail / (1 - PLANNED_SHARE))


def _endless(
    effect: Effect, alpha: float, tuning_parameter: float, *, direction: int
) -> tuple[float, float]:
    if direction == 0:
        width = half_width(effect, alpha, tuning_parameter)
        return width, p_value(effect, alpha, tuning_parameter)
    width = one_sided_width(effect, alpha, tuning_parameter)
    p = one_sided_p_value(effect, alpha, tuning_parameter, is_greater=direction > 0)
    return width, p
