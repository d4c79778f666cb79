"""How many users an experiment needs, and what the running one can still show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil, sqrt
from typing import Any, Literal

from jobforge.autopilots.growth.statistics.arms import read_arms
from jobforge.autopilots.growth.statistics.distributions import normal_cdf, normal_quantile
from jobforge.autopilots.growth.statistics.effect import NO_BASELINE, Effect, estimate_effect
from jobforge.autopilots.growth.statistics.sample import Metric, Statistic
from jobforge.autopilots.growth.statistics.sequential import half_width
from jobforge.core.errors import InvalidInput

_MAX_DOUBLINGS = 27
_MAX_HALVINGS = 100
_POWER_TOLERANCE = 1e-5


def sample_size_proportions(
    baseline: float,
    mde: float,
    *,
    relative: bool = True,
    alpha: float = 0.05,
    power: float = 0.8,
    sides: Literal[1, 2] = 2,
) -> int:
    """Users per variation to find a change of a share of users.

    Args:
        baseline: the control's share, in (0, 1).
        mde: the change to find; a share of the baseline where `relative`, else an absolute one.
        relative: how `mde` is meant.
        alpha: probability of a false alarm.
        power: probability of finding the change.
        sides: of the test.

    Raises:
        InvalidInput: a value out of range, or a treated share outside (0, 1).

    Source: Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions, 3rd edition,
    equation 4.14 without continuity correction (unpooled variances).
    """
    treated = baseline * (1 + mde) if relative else baseline + mde
    if not 0 < baseline < 1 or not 0 < treated < 1:
        raise InvalidInput(f"shares of {baseline} and {treated} do not both lie between 0 and 1")
    spread = baseline * (1 - baseline) + treated * (1 - treated)
    return _users(treated - baseline, spread, alpha=alpha, power=power, sides=sides)


def sample_size_means(  # noqa: PLR0913 - each is a different quantity of the formula
    mean: float,
    deviation: float,
    mde: float,
    *,
    relative: bool = True,
    alpha: float = 0.05,
    power: float = 0.8,
    sides: Literal[1, 2] = 2,
) -> int:
    """Users per variation to find a change of a mean, its standard deviation unchanged.

    Raises:
        InvalidInput: a value out of range, or a relative change of a mean of 0.

    Source: Cohen, Statistical Power Analysis, 2nd edition, section 2.4, normal approximation.
    """
    change = mean * mde if relative else mde
    if deviation <= 0:
        raise InvalidInput(f"a standard deviation of {deviation}; it is above 0")
    return _users(change, 2 * deviation**2, alpha=alpha, power=power, sides=sides)


def _users(change: float, spread: float, *, alpha: float, power: float, sides: int) -> int:
    if not 0 < alpha < power < 1:
        raise InvalidInput(f"alpha {alpha} and power {power}: 0 < alpha < power < 1")
    if change == 0:
        raise InvalidInput("a change of 0 cannot be found by any number of users")
    quantiles = normal_quantile(1 - alpha / sides) + normal_quantile(power)
    return ceil(quantiles**2 * spread / change**2)


def power_proportions(
    baseline: float, mde: float, users: float, *, alpha: float = 0.05, relative: bool = True
) -> float:
    """Power of a two-sided test with that many users per variation; both tails count."""
    treated = baseline * (1 + mde) if relative else baseline + mde
    if not 0 < baseline < 1 or not 0 < treated < 1 or users <= 0:
        raise InvalidInput("shares lie between 0 and 1, users above 0")
    error = sqrt((baseline * (1 - baseline) + treated * (1 - treated)) / users)
    score, critical = abs(treated - baseline) / error, normal_quantile(1 - alpha / 2)
    return normal_cdf(score - critical) + normal_cdf(-score - critical)


def minimum_detectable_effect(
    baseline: float, users: float, *, alpha: float = 0.05, power: float = 0.8
) -> float:
    """Smallest relative change of a share that so many users per variation find.

    The variance is that of the baseline in both variations.

    Raises:
        InvalidInput: the baseline is not in (0, 1), or there are no users.
    """
    if not 0 < baseline < 1 or users <= 0:
        raise InvalidInput("the baseline lies between 0 and 1, users above 0")
    quantiles = normal_quantile(1 - alpha / 2) + normal_quantile(power)
    return quantiles * sqrt(2 * (1 - baseline) / (baseline * users))


@dataclass(frozen=True, slots=True)
class MidExperimentPower:
    """What a running experiment can still show.

    `scaling_factor` is how many times the users so far are needed in addition; 0 where they
    suffice, None where no number up to 2^27 times does. `additional_users` is None in both cases.
    """

    power_now: float
    power_at_double: float
    scaling_factor: float | None
    additional_users: float | None
    upper_bound_achieved: bool
    status: str
    problem: str | None = None


def mid_experiment_power(
    control: Statistic,
    treatment: Statistic,
    *,
    metric: Metric,
    config: Mapping[str, Any] | None = None,
    power_config: Mapping[str, Any] | None = None,
    prior: Mapping[str, Any] | None = None,
) -> MidExperimentPower:
    """Power of the running experiment now, with twice the users, and the users still needed.

    The standard error shrinks with the square root of the users.

    Args:
        control: sums of the control.
        treatment: sums of the treatment.
        metric: which kind of metric they describe.
        config: `difference_type` (relative, absolute) and `alpha`.
        power_config: `target_power`, `target_mde`, `num_goal_metrics`, `num_variations`,
            `p_value_corrected`, `sequential`, `sequential_tuning_parameter`.
        prior: normal prior of the effect (`mean`, `variance`, `proper`); a proper one makes the
            test bayesian.
    """
    settings = {"difference_type": "relative", "alpha": 0.05, **(config or {})}
    first, second, _ = read_arms(control, treatment, metric)
    effect = estimate_effect(first, second, relative=settings["difference_type"] == "relative")
    problem = effect.problem or (NO_BASELINE if first.baseline == 0 else None)
    if problem is not None:
        return MidExperimentPower(0.0, 0.0, None, 0.0, False, "unsuccessful", problem)
    curve = _PowerCurve(effect, float(settings["alpha"]), _PowerSettings.read(power_config), prior)
    return _search(curve)


@dataclass(frozen=True, slots=True)
class _PowerSettings:
    target_power: float = 0.8
    target_mde: float = 0.01
    num_goal_metrics: int = 1
    num_variations: int = 2
    p_value_corrected: bool = False
    sequential: bool = False
    sequential_tuning_parameter: float = 5000

    @classmethod
    def read(cls, given: Mapping[str, Any] | None) -> _PowerSettings:
        try:
            return cls(**(given or {}))
        except TypeError as error:
            raise InvalidInput(f"power_config: {error}") from None

    @property
    def tests(self) -> int:
        return (self.num_variations - 1) * self.num_goal_metrics if self.p_value_corrected else 1

    @property
    def required(self) -> float:
        return float(self.target_power ** (1 / self.num_goal_metrics))


@dataclass(frozen=True, slots=True)
class _PowerCurve:
    """Power as a function of the additional users, as a multiple of those so far."""

    effect: Effect
    alpha: float
    settings: _PowerSettings
    prior: Mapping[str, Any] | None

    def at(self, factor: float) -> float:
        later = replace(
            self.effect,
            variance=self.effect.variance / (1 + factor),
            users=self.effect.users * (1 + factor),
        )
        target = abs(self.settings.target_mde)
        if self.prior and self.prior.get("proper"):
            shift, width = self._bayesian(later)
        else:
            shift, width = 0.0, self._half_width(later)
        error = later.standard_error
        return normal_cdf((target + shift - width) / error) + normal_cdf(
            -(target + shift + width) / error
        )

    def _half_width(self, effect: Effect) -> float:
        alpha = self.alpha / self.settings.tests
        if self.settings.sequential:
            return half_width(effect, alpha, self.settings.sequential_tuning_parameter)
        return normal_quantile(1 - alpha / 2) * effect.standard_error

    def _bayesian(self, effect: Effect) -> tuple[float, float]:
        """Shift by the prior's mean, and the width at which the credible interval leaves zero."""
        prior = self.prior or {}
        variance = float(prior["variance"])
        precision = 1 / variance + 1 / effect.variance
        critical = normal_quantile(1 - self.alpha / (2 * self.settings.tests))
        shift = effect.variance * float(prior["mean"]) / variance
        return shift, effect.variance * sqrt(precision) * critical


def _search(curve: _PowerCurve) -> MidExperimentPower:
    now, double = curve.at(0), curve.at(1)
    required = curve.settings.required
    if now > required:
        return MidExperimentPower(now, double, 0.0, None, False, "successful")
    factor = 1.0
    for _ in range(_MAX_DOUBLINGS):
        if curve.at(factor) >= required:
            break
        factor *= 2
    if curve.at(factor) < required:
        return MidExperimentPower(now, double, None, None, True, "unsuccessful")
    factor = _bisect(curve, factor)
    return MidExperimentPower(now, double, factor, curve.effect.users * factor, False, "successful")


def _bisect(curve: _PowerCurve, upper: float) -> float:
    """Halve until the power is within 1e-5 of the required one."""
    low, high, factor = 0.0, upper, upper
    for _ in range(_MAX_HALVINGS):
        gap = curve.at(factor) - curve.settings.required
        if factor != upper and abs(gap) < _POWER_TOLERANCE:
            break
        low, high = (low, factor) if gap > 0 else (factor, high)
        factor = (low + high) / 2
    return factor
