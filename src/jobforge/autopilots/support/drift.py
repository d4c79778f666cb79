"""Whether this week's tickets still look like the ones a classifier learned from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from pydantic import Field

from jobforge.autopilots.support.classifier import Prediction
from jobforge.autopilots.support.terms import split_words
from jobforge.core.errors import InvalidInput
from jobforge.core.model import Model

ALARM_P_VALUE = 0.01
MIN_TEXTS = 20


class CategoryShift(Model):
    """A category's share then and now."""

    category: str
    share_then: float
    share_now: float


class DriftReport(Model):
    """What has changed. `p_value`: how likely such a shift is by chance; null below 20 texts."""

    n_then: int
    n_now: int
    distance: float = Field(description="Jensen-Shannon distance of the categories, 0 to 1.")
    p_value: float | None
    has_drifted: bool
    out_of_scope_share: float
    new_word_share: float = Field(description="Words of now that were in no text of then.")
    mean_confidence: float
    largest_shifts: tuple[CategoryShift, ...]


def report_drift(
    texts_then: Sequence[str],
    labels_then: Sequence[str],
    texts_now: Sequence[str],
    predictions_now: Sequence[Prediction],
) -> DriftReport:
    """Compare the tickets learned from with new ones and what was predicted for them.

    Source: Lin, Divergence Measures Based on the Shannon Entropy (1991); a chi-square test of
    homogeneity on the categories' counts.

    Raises:
        InvalidInput: there are no texts on one of the sides.
    """
    if not texts_then or not texts_now:
        raise InvalidInput("a drift report needs tickets of then and of now")
    labels_now = [prediction.label for prediction in predictions_now]
    then, now = Counter(map(str, labels_then)), Counter(labels_now)
    names = sorted(then.keys() | now.keys())
    counts = np.array([[side[name] for name in names] for side in (then, now)], dtype=float)
    shares = counts / counts.sum(axis=1, keepdims=True)
    p_value = _test(counts) if min(len(texts_then), len(texts_now)) >= MIN_TEXTS else None
    known = {word for text in texts_then for word in split_words(text)}
    words = [word for text in texts_now for word in split_words(text)]
    order = np.argsort(-np.abs(shares[1] - shares[0]), kind="stable")[:5]
    return DriftReport(
        n_then=len(texts_then),
        n_now=len(texts_now),
        distance=_distance(shares),
        p_value=p_value,
        has_drifted=p_value is not None and p_value < ALARM_P_VALUE,
        out_of_scope_share=_share([one.out_of_scope for one in predictions_now]),
        new_word_share=_share([word not in known for word in words]),
        mean_confidence=round(float(np.mean([one.confidence for one in predictions_now])), 4),
        largest_shifts=tuple(
            CategoryShift(
                category=names[place],
                share_then=round(float(shares[0][place]), 4),
                share_now=round(float(shares[1][place]), 4),
            )
            for place in order.tolist()
        ),
    )


def _test(counts: np.ndarray) -> float:
    from scipy.stats import chi2_contingency

    if counts.shape[1] < 2:  # noqa: PLR2004 - one category cannot shift
        return 1.0
    return float(chi2_contingency(counts).pvalue)


def _distance(shares: np.ndarray) -> float:
    middle = shares.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(shares > 0, shares * np.log2(shares / middle), 0)
    return round(float(np.sqrt(max(terms.sum(axis=1).mean(), 0))), 4)


def _share(values: Sequence[bool]) -> float:
    return round(sum(values) / len(values), 4) if values else 0.0
