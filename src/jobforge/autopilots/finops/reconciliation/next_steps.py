"""What to do about a difference, and how its nature shows in a record's words."""

from __future__ import annotations

from jobforge.autopilots.finops.reconciliation.ledger import Side
from jobforge.autopilots.finops.reconciliation.model import DifferenceKind

NEXT_STEPS: dict[DifferenceKind, str] = {
    "missing": "Look for the counterpart elsewhere; collect or book it if there is none.",
    "duplicate": "Confirm that the record is a repeat, then refund or void it.",
    "amount": "Compare both documents and correct the wrong one.",
    "currency": "Correct the currency on the wrong record, or supply the exchange rate.",
    "period": "Book an accrual or move the record to the period it belongs to.",
    "timing": "No correction; check the settlement delay and accrue at the period's end.",
    "tax": "Check whether the tax was left out or added twice, and correct the tax code.",
    "fee": "Book the processing fee to its own account.",
    "proration": "Check the days in use and bill the prorated amount.",
    "credit_note": "Apply the credit note to its invoice.",
    "refund": "Match the refund with its charge and book it as contra revenue.",
    "dispute": "Answer the dispute before its deadline and reserve the amount.",
    "fx": "Book the exchange difference to the FX gain or loss account.",
}

ADJUSTMENTS: tuple[tuple[DifferenceKind, tuple[str, ...]], ...] = (
    ("dispute", ("dispute", "chargeback", "charge back")),
    ("refund", ("refund", "reimburs")),
    ("credit_note", ("credit_note", "credit note", "credit memo", "creditnote")),
)


def adjustment_of(side: Side, index: int) -> DifferenceKind | None:
    """Whether the record is a dispute, a refund or a credit note, by its type, else its text."""
    for field in ("type", "description"):
        text = side.text(index, field).casefold()
        for kind, words in ADJUSTMENTS:
            if any(word in text for word in words):
                return kind
    return "credit_note" if side.text(index, "type").casefold() == "credit" else None
