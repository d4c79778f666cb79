"""Control totals: what went in is what was matched plus what was not, to the smallest unit."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from jobforge.autopilots.finops.money import trim
from jobforge.autopilots.finops.reconciliation.ledger import Flags, Ints, Side, exact_sum
from jobforge.autopilots.finops.reconciliation.model import ControlTotal


def control_totals(side: Side, partner: Ints, out_of_period: Flags) -> tuple[ControlTotal, ...]:
    """Total one side by currency; each sum is taken from the records, none by subtraction."""
    codes = {code: number for number, code in enumerate(sorted(set(side.currencies)))}
    at = np.fromiter(map(codes.__getitem__, side.currencies), np.int64, len(side))
    return tuple(
        _total(side, code, at == number, partner >= 0, out_of_period)
        for code, number in codes.items()
    )


def _total(
    side: Side,
    currency: str,
    mine: Flags,
    matched: Flags,
    out_of_period: Flags,
) -> ControlTotal:
    inside = mine & ~out_of_period

    def summed(mask: Flags) -> Decimal:
        return trim(Decimal(exact_sum(side.units[mask])).scaleb(-side.scale), currency)

    return ControlTotal(
        side=side.name,
        currency=currency,
        input=summed(inside),
        matched=summed(inside & matched),
        unmatched=summed(inside & ~matched),
        out_of_period=summed(mine & out_of_period),
        records=int(inside.sum()),
        matched_records=int((inside & matched).sum()),
    )
