"""Which lines of an export moved money, by rule, and what is said of those that did not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from jobforge.core.context import Row

_UNMOVED = (
    "failed canceled cancelled void voided draft declined rejected blocked incomplete uncaptured "
    "requires_payment_method requires_confirmation requires_action requires_capture won "
    "warning_needs_response warning_under_review warning_closed"
)
_NO_MONEY = frozenset(_UNMOVED.split())
"""Statuses of what never moved money, or gave it back.

Source: Stripe API reference, `status` of charges, payment intents, refunds, disputes (one that is
won returns what it took; a warning takes nothing), payouts and invoices.
"""
_UNSETTLED = frozenset({"pending", "processing"})
_TRANSFERS = frozenset({"payout", "payout_cancel", "payout_failure", "transfer"})


@dataclass(frozen=True, slots=True)
class Facts:
    """What a line says besides its record."""

    status: str = ""
    is_captured: bool = True
    refunded: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Movement:
    """A line as a record, what it is, and whether and how far it moved money."""

    record: Row
    kind: str
    facts: Facts


@dataclass(frozen=True, slots=True)
class SourceRecords:
    """The records of one source, and a note for each rule that left out or added something."""

    rows: list[Row]
    notes: tuple[str, ...] = ()


def settle(movements: Sequence[Movement], *, side: str) -> SourceRecords:
    """Keep what moved money.

    Left out: what failed, was cancelled, voided, drafted or never captured; payments still pending;
    transfers to the own bank account among other balance transactions. Added: what a charge says
    was refunded, where the source holds no refunds of its own.
    """
    notes: list[str] = []
    kept = list(_without_unmoved(movements, side, notes))
    kept = list(_without_transfers(kept, side, notes))
    rows = [movement.record for movement in kept]
    return SourceRecords([*rows, *_refunds(kept, side, notes)], tuple(notes))


def _without_unmoved(
    movements: Sequence[Movement], side: str, notes: list[str]
) -> Iterator[Movement]:
    unmoved: Counter[str] = Counter()
    for movement in movements:
        reason = _why_unmoved(movement)
        if reason is None:
            yield movement
        else:
            unmoved[reason] += 1
    notes += [
        f"{count} {side} records are {reason} and were left out: they moved no money."
        for reason, count in sorted(unmoved.items())
    ]


def _why_unmoved(movement: Movement) -> str | None:
    status = movement.facts.status.strip().casefold().replace(" ", "_")
    if not movement.facts.is_captured:
        return "uncaptured"
    is_payment = movement.kind in ("charge", "payment_intent")
    return status if status in _NO_MONEY or (is_payment and status in _UNSETTLED) else None


def _without_transfers(
    movements: Sequence[Movement], side: str, notes: list[str]
) -> Iterator[Movement]:
    """A ledger's transfers to the own bank are no payments, unless there is nothing else."""
    is_transfer = [
        m.kind == "balance_transaction" and str(m.record.get("type")).casefold() in _TRANSFERS
        for m in movements
    ]
    if any(is_transfer) and not all(is_transfer):
        notes.append(f"{sum(is_transfer)} {side} records are transfers and were left out.")
        yield from (m for m, leaves in zip(movements, is_transfer, strict=True) if not leaves)
    else:
        yield from movements


def _refunds(movements: Sequence[Movement], side: str, notes: list[str]) -> list[Row]:
    if any(m.kind == "refund" or m.record.get("type") == "refund" for m in movements):
        return []
    found = [
        {
            **movement.record,
            "id": f"{movement.record['id']}/refunded",
            "amount": -movement.facts.refunded,
            "type": "refund",
            "fee": None,
            "tax": None,
            "description": f"refunded part of {movement.record['id']}",
        }
        for movement in movements
        if movement.facts.refunded
    ]
    if found:
        notes.append(
            f"{len(found)} {side} charges say that they were refunded; the source has no refunds, "
            "so they count on the day of the charge."
        )
    return found
