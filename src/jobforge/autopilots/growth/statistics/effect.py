"""The effect of a treatment, with its variance."""

from __future__ import annotations

from dataclasses import dataclass

from jobforge.autopilots.growth.statistics.arms import Arm, combine, quadratic

NO_VARIANCE = "ZERO_NEGATIVE_VARIANCE"
NO_BASELINE = "BASELINE_VARIATION_ZERO"


@dataclass(frozen=True, slots=True)
class Effect:
    """Treatment against control. `problem` says why no test can be made."""

    estimate: float
    variance: float
    degrees: float
    users: float
    baseline: float
    problem: str | None = None

    @property
    def standard_error(self) -> float:
        """Of the estimate."""
        return float(self.variance**0.5)


def estimate_effect(control: Arm, treatment: Arm, *, relative: bool) -> Effect:
    """Difference of means, or that difference over the size of the control's unadjusted mean.

    The variance of a relative effect is by the delta method; degrees of freedom are Welch's.
    Where a variance or, for relative effects, the control's mean is zero, the effect is neutral
    and `problem` says so.

    Source: Deng, Knoblich and Lu 2018, section 3.2; Welch 1947.
    """
    users = control.n + treatment.n
    problem = _problem(control, treatment, relative=relative)
    if problem is not None:
        return Effect(0.0, 0.0, 0.0, users, control.baseline, problem)
    difference = treatment.mean - control.mean
    if relative:
        estimate = difference / abs(control.baseline)
        variance = _relative_variance(control, treatment)
    else:
        estimate = difference
        variance = control.variance / control.n + treatment.variance / treatment.n
    return Effect(estimate, variance, _degrees(control, treatment), users, control.baseline)


def _problem(control: Arm, treatment: Arm, *, relative: bool) -> str | None:
    if control.variance <= 0 or treatment.variance <= 0:
        return NO_VARIANCE
    return NO_BASELINE if relative and control.baseline == 0 else None


def _relative_variance(control: Arm, treatment: Arm) -> float:
    base = abs(control.baseline)
    own = treatment.variance / (base**2 * treatment.n)
    if control.spread is None:
        return own + control.variance * treatment.mean**2 / (base**4 * control.n)
    sign = 1.0 if control.baseline > 0 else -1.0
    slope = -1 / base - sign * (treatment.drift - control.drift) / base**2
    scaled = tuple(value / base for value in control.pre_gradient)
    gradient = combine(scaled, control.post_gradient, slope)
    return own + quadratic(gradient, control.spread, gradient) / control.n


def _degrees(control: Arm, treatment: Arm) -> float:
    first, second = control.variance / control.n, treatment.variance / treatment.n
    return float(
        (first + second) ** 2 / (first**2 / (control.n - 1) + second**2 / (treatment.n - 1))
    )
