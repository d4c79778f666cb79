"""One variation of an experiment, reduced to the few numbers that every test needs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from jobforge.autopilots.growth.statistics.sample import (
    Metric,
    Sample,
    Statistic,
    covariance,
    nested,
    number,
    read_sample,
)
from jobforge.core.errors import InvalidInput

Vector = tuple[float, ...]
Matrix = tuple[Vector, ...]


def quadratic(left: Vector, spread: Matrix, right: Vector) -> float:
    """Left x spread x right; the covariance of two linear combinations."""
    cells = product(range(len(left)), range(len(right)))
    return sum(left[i] * spread[i][j] * right[j] for i, j in cells)


def combine(first: Vector, second: Vector, factor: float) -> Vector:
    """First + factor x second."""
    return tuple(a + factor * b for a, b in zip(first, second, strict=True))


@dataclass(frozen=True, slots=True)
class Arm:
    """One variation.

    `mean` and `variance` are those of one user's metric after adjustment; `baseline` is the mean
    before adjustment, which relative effects are divided by. `gradient` and `spread` say how the
    baseline and the adjusted mean move with the underlying means (None without adjustment).
    """

    n: float
    mean: float
    variance: float
    baseline: float
    drift: float = 0.0
    spread: Matrix | None = None
    post_gradient: Vector = ()
    pre_gradient: Vector = ()


def read_arms(
    control: Statistic, treatment: Statistic, metric: Metric
) -> tuple[Arm, Arm, float | None]:
    """Control, treatment, and the coefficient of the CUPED adjustment (None without one).

    Raises:
        InvalidInput: a sum is missing or impossible.
    """
    match metric:
        case "proportion" | "mean":
            is_proportion = metric == "proportion"
            return _simple(control, is_proportion), _simple(treatment, is_proportion), None
        case "ratio":
            return _ratio(control), _ratio(treatment), None
        case "cuped_proportion" | "cuped_mean":
            return _cuped(control, treatment, is_proportion=metric == "cuped_proportion")
        case "cuped_ratio":
            return _cuped_ratio(control, treatment)
    raise InvalidInput(f"no such metric: {metric!r}")


def _simple(statistic: Statistic, is_proportion: bool) -> Arm:
    sample = read_sample(statistic, is_proportion=is_proportion)
    return Arm(sample.n, sample.mean, sample.variance, sample.mean)


def _ratio(statistic: Statistic) -> Arm:
    """Ratio of two means by the delta method.

    Source: Deng, Knoblich and Lu, Applying the Delta Method in Metric Analytics, KDD 2018,
    equation 1.
    """
    above = read_sample(nested(statistic, "numerator"), is_proportion=False)
    below = read_sample(nested(statistic, "denominator"), is_proportion=False)
    n = number(statistic, "n")
    if below.sum == 0 or n <= 1:
        return Arm(n, 0.0, 0.0, 0.0)
    ratio = above.sum / below.sum
    shared = covariance(above, below, number(statistic, "sum_of_products"))
    variance = (above.variance - 2 * ratio * shared + ratio**2 * below.variance) / below.mean**2
    return Arm(n, ratio, variance, ratio)


def _cuped(
    control: Statistic, treatment: Statistic, *, is_proportion: bool
) -> tuple[Arm, Arm, float]:
    """Adjust by the same metric before the experiment.

    Source: Deng, Xu, Kohavi and Walker, Improving the Sensitivity of Online Controlled Experiments
    by Utilizing Pre-Experiment Data, WSDM 2013, section 3; one coefficient over both variations.
    """
    pairs = [_pair(statistic, is_proportion) for statistic in (control, treatment)]
    post = pairs[0][0] + pairs[1][0]
    pre = pairs[0][1] + pairs[1][1]
    spread = pre.variance
    shared = covariance(post, pre, pairs[0][2] + pairs[1][2])
    theta = shared / spread if spread > 0 and post.variance > 0 else 0.0
    first, second = (_adjusted(*pair, theta) for pair in pairs)
    return first, second, theta


def _pair(statistic: Statistic, is_proportion: bool) -> tuple[Sample, Sample, float]:
    post = read_sample(nested(statistic, "post"), is_proportion=is_proportion)
    pre = read_sample(nested(statistic, "pre"), is_proportion=is_proportion)
    return post, pre, number(statistic, "post_pre_sum_of_products")


def _adjusted(post: Sample, pre: Sample, products: float, theta: float) -> Arm:
    shared = covariance(post, pre, products)
    spread = ((post.variance, shared), (shared, pre.variance))
    gradient = (1.0, -theta)
    variance = quadratic(gradient, spread, gradient) if post.n > 1 else 0.0
    return Arm(
        n=post.n,
        mean=post.mean - theta * pre.mean,
        variance=variance,
        baseline=post.mean,
        drift=post.mean,
        spread=spread,
        post_gradient=(1.0, 0.0),
        pre_gradient=(0.0, theta),
    )


_PRODUCTS = (
    ("m_post_d_post", 0, 1), ("m_post_m_pre", 0, 2), ("m_post_d_pre", 0, 3),
    ("m_pre_d_post", 1, 2), ("d_post_d_pre", 1, 3), ("m_pre_d_pre", 2, 3),
)  # fmt: skip
_PARTS = ("numerator_post", "denominator_post", "numerator_pre", "denominator_pre")


def _cuped_ratio(control: Statistic, treatment: Statistic) -> tuple[Arm, Arm, float]:
    """Adjust a ratio by the ratio before the experiment, both linearised by the delta method."""
    parts = [_ratio_parts(statistic) for statistic in (control, treatment)]
    spread = sum(quadratic(part.pre, part.spread, part.pre) for part in parts)
    shared = sum(quadratic(part.pre, part.spread, part.post) for part in parts)
    theta = shared / spread if spread > 0 else 0.0
    first, second = (_adjusted_ratio(part, theta) for part in parts)
    return first, second, theta


@dataclass(frozen=True, slots=True)
class _RatioParts:
    """Two ratios, their gradients over the four means, and the four means' covariances."""

    n: float
    ratio_post: float
    ratio_pre: float
    post: Vector
    pre: Vector
    spread: Matrix


def _ratio_parts(statistic: Statistic) -> _RatioParts:
    samples = [read_sample(nested(statistic, key), is_proportion=False) for key in _PARTS]
    products = nested(statistic, "sums_of_products")
    cells = [[0.0] * 4 for _ in samples]
    for index, sample in enumerate(samples):
        cells[index][index] = sample.variance
    for key, row, column in _PRODUCTS:
        shared = covariance(samples[row], samples[column], number(products, key))
        cells[row][column] = cells[column][row] = shared
    spread = tuple(tuple(row) for row in cells)
    n = number(statistic, "n")
    top_post, low_post, top_pre, low_pre = (sample.mean for sample in samples)
    if low_post == 0 or low_pre == 0:
        return _RatioParts(n, 0.0, 0.0, (0.0,) * 4, (0.0,) * 4, spread)
    return _RatioParts(
        n=n,
        ratio_post=top_post / low_post,
        ratio_pre=top_pre / low_pre,
        post=(1 / low_post, -top_post / low_post**2, 0.0, 0.0),
        pre=(0.0, 0.0, 1 / low_pre, -top_pre / low_pre**2),
        spread=spread,
    )


def _adjusted_ratio(part: _RatioParts, theta: float) -> Arm:
    own = combine(part.post, part.pre, -theta)
    adjusted = part.ratio_post - theta * part.ratio_pre
    return Arm(
        n=part.n,
        mean=adjusted,
        variance=quadratic(own, part.spread, own) if part.n > 1 else 0.0,
        baseline=part.ratio_post,
        drift=adjusted,
        spread=part.spread,
        post_gradient=part.post,
        pre_gradient=tuple(theta * value for value in part.pre),
    )
