"""How likely an unrelated record agrees by chance: the source of every confidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from jobforge.autopilots.finops.reconciliation.ledger import Ints, Side

SAMPLE = 20_000


@dataclass(frozen=True, slots=True)
class Chance:
    """Probabilities that two unrelated records agree on a field, measured on these ledgers.

    Source: Fellegi and Sunter, A Theory for Record Linkage (1969): the u-probabilities.
    """

    candidates: int
    reference: float
    customer: float
    amount: float
    date: float

    def confidence(
        self,
        *,
        reference: float | None = None,
        amount: bool = True,
        customer: bool = False,
        date: bool = False,
    ) -> float:
        """1 / (1 + expected number of unrelated records that would agree as well).

        `reference` is the chance of agreeing that well on the reference, None where it says
        nothing.
        """
        rivals = float(self.candidates)
        rivals *= 1.0 if reference is None else reference
        rivals *= self.amount if amount else 1.0
        rivals *= self.customer if customer else 1.0
        rivals *= self.date if date else 1.0
        return 1.0 / (1.0 + rivals)


def measure_chance(expected: Side, actual: Side, *, days: int) -> Chance:
    """Measure the agreement of unrelated pairs on an evenly spaced sample of both sides."""
    left, right = _sample(expected), _sample(actual)
    return Chance(
        candidates=max(len(expected), len(actual)),
        reference=_agreement(expected.references, actual.references, left, right),
        customer=_agreement(expected.customers, actual.customers, left, right),
        amount=_agreement(expected.units.tolist(), actual.units.tolist(), left, right),
        date=_date_agreement(expected.days[left], actual.days[right], days),
    )


def _sample(side: Side) -> Ints:
    return side.by_id[:: max(1, -(-len(side) // SAMPLE))]


def _agreement(
    left: Sequence[Hashable], right: Sequence[Hashable], left_at: Ints, right_at: Ints
) -> float:
    """Share of unrelated pairs with the same value; never below one pair in the sample.

    A value's own partner is left out: each value counts once less on the rarer side.
    """
    first = Counter(value for i in left_at.tolist() if (value := left[i]) not in ("", None))
    second = Counter(value for i in right_at.tolist() if (value := right[i]) not in ("", None))
    agreeing = sum(
        count * second[value] - min(count, second[value]) for value, count in first.items()
    )
    pairs = max(1, first.total() * second.total())
    return (agreeing + 1) / (pairs + 1)


def _date_agreement(left: Ints, right: Ints, days: int) -> float:
    ordered = np.sort(right)
    near = np.searchsorted(ordered, left + days, "right") - np.searchsorted(ordered, left - days)
    return float((near.sum() + 1) / (len(left) * len(right) + 1))
