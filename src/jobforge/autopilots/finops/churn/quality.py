"""How good probabilities are: ranking, calibration, lift."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Quality:
    """Measured on customers that were not learned from.

    `calibration_error` is the expected one over ten bins of equal mass; `top_decile_lift` the
    share of leavers among the tenth with the highest probability, over the base rate.
    """

    customers: int
    leavers: int
    auc: float
    brier: float
    calibration_error: float
    top_decile_lift: float
    average_precision: float


def measure_quality(left: Flags, probabilities: Floats) -> Quality:
    """Judge probabilities against what happened."""
    order = np.argsort(-probabilities, kind="stable")
    tenth = order[: max(1, len(order) // 10)]
    hits = left[order]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return Quality(
        customers=len(left),
        leavers=int(left.sum()),
        auc=rank_auc(left, probabilities),
        brier=float(((probabilities - left) ** 2).mean()),
        calibration_error=calibration_error(left, probabilities),
        top_decile_lift=float(left[tenth].mean() / left.mean()),
        average_precision=float(precision[hits].mean()),
    )


def rank_auc(left: Flags, scores: Floats) -> float:
    """Chance that a leaver scores above a stayer, ties counting half (Mann-Whitney)."""
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    first = np.searchsorted(ordered, scores, "left")
    last = np.searchsorted(ordered, scores, "right")
    ranks = (first + last + 1) / 2
    positives = int(left.sum())
    negatives = len(left) - positives
    return float((ranks[left].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def calibration_error(left: Flags, probabilities: Floats, bins: int = 10) -> float:
    """Mean distance of predicted and observed share over bins of equal mass."""
    order = np.argsort(probabilities, kind="stable")
    gaps = (
        len(part) * abs(float(probabilities[part].mean()) - float(left[part].mean()))
        for part in np.array_split(order, min(bins, len(order)))
    )
    return sum(gaps) / len(left)
