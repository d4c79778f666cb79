"""Columns that give the label away: written after the fact, not known when it matters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from jobforge.autopilots.finops.churn.encoding import (
    CategoryColumn,
    Customer,
    Encoding,
    are_days,
    is_blank,
    read_day,
)
from jobforge.autopilots.finops.churn.quality import Flags, Floats, rank_auc
from jobforge.core.errors import InvalidInput

Codes = NDArray[np.int32]

SUSPICIOUS_AUC = 0.98
"""No single honest column separates leavers from stayers this well; the best of public churn data
reach 0.75 to 0.85."""
MIN_ALL_LEFT = 30
"""So many customers who have something in common and all left: with 95 % confidence more than nine
in ten of their kind leave. Source: rule of three; Hanley and Lippman-Hand, JAMA 249 (1983)."""


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
        if blank.any():
            _refuse_all_left(column.name, "any value", left[~blank])
    for at, category in enumerate(encoding.categories):
        _refuse_words(category, words[:, at] + 1, left)


def _refuse_words(category: CategoryColumn, codes: Codes, left: Flags) -> None:
    counts = np.bincount(codes, minlength=len(category.words) + 1)
    leavers = np.bincount(codes, left, minlength=len(category.words) + 1)
    # One customer of each kind is left out, so that a rare word is not its own proof.
    rates = (leavers + 0.5) / (counts + 1.0)
    _refuse(category.name, rank_auc(left, rates[codes]))
    for at, word in enumerate(category.words, 1):
        _refuse_all_left(category.name, repr(word) if word else "no value", left[codes == at])


def refuse_later_days(
    rows: Sequence[Customer], described: Sequence[date], *, exclude: Sequence[str] = ()
) -> None:
    """Refuse a table with a day in it that lies after the day its row describes.

    Such a row was written later than it claims, and what else it says may be of later, too.

    Args:
        rows: the customers.
        described: the day each row describes.
        exclude: columns that may hold later days, because they are planned or are the label.

    Raises:
        InvalidInput: names the column, and the first customer with such a day.
    """
    for name in dict.fromkeys(name for row in rows for name in row):
        if name in exclude:
            continue
        filled = [at for at, row in enumerate(rows) if not is_blank(row.get(name))]
        if read_day(rows[filled[0]].get(name) if filled else None) is None:
            continue
        if are_days([rows[at].get(name) for at in filled]):
            _refuse_later(name, rows, filled, described)


def _refuse_later(
    name: str, rows: Sequence[Customer], filled: Sequence[int], described: Sequence[date]
) -> None:
    for at in filled:
        day = read_day(rows[at].get(name))
        if day is not None and day > described[at]:
            raise InvalidInput(
                f"column {name} was written after the fact: customer {at} is described as of "
                f"{described[at]}, and {name} says {day}",
                hint=f"take {name} and its neighbours from before that day; exclude {name} if the "
                "day was planned ahead",
            )


def _refuse_all_left(name: str, what: str, left: Flags) -> None:
    if len(left) >= MIN_ALL_LEFT and left.all():
        raise InvalidInput(
            f"column {name} gives the label away: all {len(left)} customers with {what} there left",
            hint=f"exclude {name}, or take its value from before the period that is predicted",
        )


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
