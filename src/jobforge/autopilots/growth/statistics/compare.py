"""Compare two variations of an experiment on one metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import Literal, TypedDict, Unpack, assert_never, get_args

from jobforge.autopilots.growth.statistics.arms import read_arms
from jobforge.autopilots.growth.statistics.distributions import (
    normal_cdf,
    normal_quantile,
    positive_part,
    student_cdf,
    student_quantile,
)
from jobforge.autopilots.growth.statistics.effect import Effect, estimate_effect
from jobforge.autopilots.growth.statistics.sample import Metric, Statistic
from jobforge.autopilots.growth.statistics.sequential import SequentialPlan, sequential_test
from jobforge.core.errors import InvalidInput

Method = Literal["fixed", "sequential", "bayesian"]
Alternative = Literal["two-sided", "greater", "less"]
PriorType = Literal["relative", "absolute"]
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "method": get_args(Method),
    "alternative": get_args(Alternative),
    "prior_type": get_args(PriorType),
}


class Prior(TypedDict, total=False):
    """A normal prior of the effect; one that is not `proper` says nothing."""

    mean: float
    variance: float
    proper: bool


class CompareOptions(TypedDict, total=False):
    """How to compare.

    relative: effect over the size of the control's mean, else the plain difference.
    alpha: 1 minus the coverage of the interval.
    method: fixed (Welch's t-test), sequential (may be peeked at), bayesian.
    alternative: of the fixed and the sequential test.
    tuning_parameter: users at which the sequential interval is narrowest.
    planned_users: of both variations together, at which the experiment ends; None: no plan.
    prior, prior_type: of the effect, for the bayesian method; a relative prior is in shares of
        the control's mean.
    inverse: a smaller value is better.
    total_users, traffic_percentage, phase_length_days: with the last given, effects are scaled to
        all traffic per day: difference x total_users / (traffic_percentage x phase_length_days).
    """

    relative: bool
    alpha: float
    method: Method
    alternative: Alternative
    tuning_parameter: float
    planned_users: float | None
    prior: Mapping[str, float | bool] | None
    prior_type: PriorType
    inverse: bool
    total_users: float | None
    traffic_percentage: float
    phase_length_days: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the data say about the effect of the treatment.

    `uplift` and `interval` are in the units asked for (relative as a share, 0.1 for ten percent);
    a bound is infinite on a side that is not tested. `standard_error` is of the effect before
    scaling. `chance_to_win` and both losses belong to the bayesian method, `p_value` to the others;
    what does not belong is None. `problem` names why nothing could be said; then the numbers are
    neutral.
    """

    uplift: float
    interval: tuple[float, float]
    standard_error: float
    method: Method
    users: float
    p_value: float | None = None
    chance_to_win: float | None = None
    expected_loss: float | None = None
    expected_loss_control: float | None = None
    posterior_mean: float | None = None
    posterior_sd: float | None = None
    theta: float | None = None
    problem: str | None = None


def compare_proportions(
    control: Statistic, treatment: Statistic, **options: Unpack[CompareOptions]
) -> Comparison:
    """Compare shares of users; statistics hold `n` and `sum`."""
    return compare("proportion", control, treatment, **options)


def compare_means(
    control: Statistic, treatment: Statistic, **options: Unpack[CompareOptions]
) -> Comparison:
    """Compare means per user; statistics hold `n`, `sum` and `sum_squares`."""
    return compare("mean", control, treatment, **options)


def compare_ratios(
    control: Statistic, treatment: Statistic, **options: Unpack[CompareOptions]
) -> Comparison:
    """Compare ratios of two means, such as revenue per order; delta method.

    Statistics hold `n`, `numerator`, `denominator` (each with `n`, `sum`, `sum_squares`) and
    `sum_of_products`.
    """
    return compare("ratio", control, treatment, **options)


def compare_proportions_cuped(
    control: Statistic, treatment: Statistic, **options: Unpack[CompareOptions]
) -> Comparison:
    """Compare shares, adjusted by each user's share before the experiment.

    Statistics hold `n`, `post`, `pre` and `post_pre_sum_of_products`.
    """
    return compare("cuped_proportion", control, treatment, **options)


def compare_means_cuped(
    control: Statistic, treatment: Statistic, **options: Unpack[CompareOptions]
) -> Comparison:
    """Compare means, adjusted by each user's value before the experiment."""
    return compare("cuped_mean", control, treatment, **options)


def compare_ratios_cuped(
    control: Statistic, treatment: Statistic, **options: Unpack[CompareOptions]
) -> Comparison:
    """Compare ratios, adjusted by the ratio before the experiment.

    Statistics hold `n`, numerators and denominators `_post` and `_pre`, and `sums_of_products`.
    """
    return compare("cuped_ratio", control, treatment, **options)


def compare(
    metric: Metric, control: Statistic, treatment: Statistic, **options: Unpack[CompareOptions]
) -> Comparison:
    """Compare two variations on a metric.

    Raises:
        InvalidInput: a statistic misses a sum, or an option is out of range.
    """
    settings = _settings(options)
    first, second, theta = read_arms(control, treatment, metric)
    effect = estimate_effect(first, second, relative=settings["relative"])
    if effect.problem is not None:
        return _neutral(effect, settings["method"], theta)
    found = _test(effect, settings)
    return _scaled(found, _scale(settings, effect), theta)


def _settings(options: CompareOptions) -> CompareOptions:
    settings: CompareOptions = {
        "relative": True,
        "alpha": 0.05,
        "method": "fixed",
        "alternative": "two-sided",
        "tuning_parameter": 5000,
        "planned_users": None,
        "prior": None,
        "prior_type": "relative",
        "inverse": False,
        "total_users": None,
        "traffic_percentage": 1,
        "phase_length_days": None,
        **options,
    }
    _refuse_unknown(settings)
    if not 0 < settings["alpha"] < 1:
        raise InvalidInput(f"alpha is {settings['alpha']}; it lies between 0 and 1")
    if settings["tuning_parameter"] <= 0 or (settings["planned_users"] or 1) <= 0:
        raise InvalidInput("tuning_parameter and planned_users are above 0")
    return settings


def _refuse_unknown(settings: CompareOptions) -> None:
    """A misspelt option would change nothing, or choose another test than was asked for."""
    if unknown := settings.keys() - CompareOptions.__annotations__.keys():
        raise InvalidInput(f"there is no option {min(unknown)!r}")
    for name, choices in _CHOICES.items():
        chosen = settings.get(name)
        if chosen not in choices:
            raise InvalidInput(f"{name} is {chosen!r}; it is one of {', '.join(choices)}")


def _neutral(effect: Effect, method: Method, theta: float | None) -> Comparison:
    is_bayesian = method == "bayesian"
    return Comparison(
        uplift=0.0,
        interval=(0.0, 0.0),
        standard_error=0.0,
        method=method,
        users=effect.users,
        p_value=None if is_bayesian else 1.0,
        chance_to_win=0.5 if is_bayesian else None,
        expected_loss=0.0 if is_bayesian else None,
        expected_loss_control=0.0 if is_bayesian else None,
        theta=theta,
        problem=effect.problem,
    )


def _test(effect: Effect, settings: CompareOptions) -> Comparison:
    method = settings["method"]
    match method:
        case "fixed":
            return _fixed(effect, settings)
        case "sequential":
            return _sequential(effect, settings)
        case "bayesian":
            return _bayesian(effect, settings)
    assert_never(method)


def _fixed(effect: Effect, settings: CompareOptions) -> Comparison:
    """Welch's t-test. Source: Welch 1947, with Satterthwaite's degrees of freedom."""
    alternative, alpha = settings["alternative"], settings["alpha"]
    error = effect.standard_error
    score = effect.estimate / error
    if alternative == "two-sided":
        p = 2 * student_cdf(-abs(score), effect.degrees)
        width = student_quantile(1 - alpha / 2, effect.degrees) * error
    else:
        p = student_cdf(-score if alternative == "greater" else score, effect.degrees)
        width = student_quantile(1 - alpha, effect.degrees) * error
    return _frequentist(effect, "fixed", _interval(effect, width, alternative), p)


def _sequential(effect: Effect, settings: CompareOptions) -> Comparison:
    alternative = settings["alternative"]
    direction = {"two-sided": 0, "greater": 1, "less": -1}[alternative]
    plan = SequentialPlan(settings["tuning_parameter"], settings["planned_users"])
    width, p = sequential_test(effect, settings["alpha"], plan, direction=direction)
    return _frequentist(effect, "sequential", _interval(effect, width, alternative), p)


def _interval(effect: Effect, width: float, alternative: Alternative) -> tuple[float, float]:
    low = -inf if alternative == "less" else effect.estimate - width
    high = inf if alternative == "greater" else effect.estimate + width
    return low, high


def _frequentist(
    effect: Effect, method: Method, interval: tuple[float, float], p: float
) -> Comparison:
    return Comparison(
        uplift=effect.estimate,
        interval=interval,
        standard_error=effect.standard_error,
        method=method,
        users=effect.users,
        p_value=p,
    )


def _bayesian(effect: Effect, settings: CompareOptions) -> Comparison:
    """Normal posterior of the effect.

    Source: Gelman et al., Bayesian Data Analysis, 3rd edition, section 2.5.
    """
    mean, variance = _posterior(effect, settings)
    deviation = variance**0.5
    width = normal_quantile(1 - settings["alpha"] / 2) * deviation
    wins = normal_cdf(mean / deviation)
    gain, loss = positive_part(mean, deviation), positive_part(-mean, deviation)
    if settings["inverse"]:
        wins, gain, loss = 1 - wins, loss, gain
    return Comparison(
        uplift=mean,
        interval=(mean - width, mean + width),
        standard_error=effect.standard_error,
        method="bayesian",
        users=effect.users,
        chance_to_win=wins,
        expected_loss=loss,
        expected_loss_control=gain,
        posterior_mean=mean,
        posterior_sd=deviation,
    )


def _posterior(effect: Effect, settings: CompareOptions) -> tuple[float, float]:
    prior = settings["prior"]
    if not prior or not prior.get("proper", True):
        return effect.estimate, effect.variance
    mean, variance = float(prior.get("mean", 0.0)), float(prior["variance"])
    if variance <= 0:
        raise InvalidInput(f"the prior's variance is {variance}; it is above 0")
    scale = abs(effect.baseline)
    if settings["prior_type"] == "relative" and not settings["relative"]:
        mean, variance = mean * scale, variance * scale**2
    if settings["prior_type"] == "absolute" and settings["relative"]:
        mean, variance = mean / scale, variance / scale**2
    precision = 1 / variance + 1 / effect.variance
    return (mean / variance + effect.estimate / effect.variance) / precision, 1 / precision


def _scale(settings: CompareOptions, effect: Effect) -> float:
    days = settings["phase_length_days"]
    if days is None:
        return 1.0
    if settings["relative"]:
        raise InvalidInput("only a plain difference can be scaled: relative=False")
    users = settings["total_users"] if settings["total_users"] is not None else effect.users
    if days <= 0 or not 0 < settings["traffic_percentage"] <= 1:
        raise InvalidInput("phase_length_days is above 0, traffic_percentage in (0, 1]")
    return users / (settings["traffic_percentage"] * days)


def _scaled(found: Comparison, scale: float, theta: float | None) -> Comparison:
    low, high = found.interval
    return replace(
        found, uplift=found.uplift * scale, interval=(low * scale, high * scale), theta=theta
    )
