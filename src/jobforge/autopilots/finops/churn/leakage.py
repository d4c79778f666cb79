"""Columns that give the label away: written after the fact, not known when it matters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jobforge.autopilots.finops.churn.encoding import Customer, Encoding
from jobforge.autopilots.finops.churn.quality import Flags, Floats, rank_auc
from jobforge.core.errors import InvalidInput

SUSPICIOUS_AUC = 0.98
"""No single honest column separates leavers from stayers this well; the best of public churn data
reach 0.75 to 0.85."""


def refuse_leaks(encoding: Encoding, rows: Sequence[Customer], left: Flags) -> None:
    """Refuse to learn from a column that nearly is the label.

    Raises:
        InvalidInput: names the column, and how well it alone tells leavers from stayers.
    """
    numbers, words = encoding.numbers(rows), encoding.words(rows)
    for at, column in enumerate(encoding.numeric):
        values = numbers[:, at]
        blank = np.isnan(values)
        filled = np.where(blank, column.median, values)
        _refuse(
            column.name, max(_two_sided(filled, left), _two_sided(blank.astype(np.float64), left))
        )
    for at, category in enumerate(encoding.categories):
        codes = words[:, at] + 1
        counts = np.bincount(codes, minlength=len(category.words) + 1)
        leavers = np.bincount(codes, left, minlength=len(category.words) + 1)
        # One customer of each kind is left out, so that a rare word is not its own proof.
        rates = (leavers + 0.5) / (counts + 1.0)
        _refuse(category.name, rank_auc(left, rates[codes]))


def _two_sided(values: Floats, left: Flags) -> float:
    auc = rank_auc(left, values)
    return max(auc, 1 - auc)


def _refuse(name: str, auc: float) -> None:
    if auc >= SUSPICIOUS_AUC:
        raise InvalidInput(
            f"column {name} alone tells leavers from stayers (AUC {auc:.3f}): it gives the label "
            "away",
            hint=f"exclude {name}, or take its value from before the period that is predicted",
        )
