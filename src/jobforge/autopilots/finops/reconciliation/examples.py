"""What `types show` prints for a reconciliation: a payload, and the answer to it."""

from __future__ import annotations

from typing import Any

PAYLOAD: dict[str, Any] = {
    "period_start": "2026-01-01T00:00:00Z",
    "period_end": "2026-01-31T23:59:59Z",
    "expected": [
        {
            "id": "INV-1",
            "date": "2026-01-05",
            "amount": "120.00",
            "currency": "EUR",
            "customer": "acme",
            "reference": "INV-1",
        },
        {
            "id": "INV-2",
            "date": "2026-01-08",
            "amount": "80.00",
            "currency": "EUR",
            "customer": "globex",
            "reference": "INV-2",
        },
    ],
    "actual": [
        {
            "id": "pay-9",
            "date": "2026-01-06",
            "amount": "116.22",
            "fee": "3.78",
            "currency": "EUR",
            "customer": "acme",
            "reference": "INV-1",
        }
    ],
}

RESULT: dict[str, Any] = {
    "period": {"start": "2026-01-01T00:00:00Z", "end": "2026-01-31T23:59:59Z"},
    "time_zone": "UTC",
    "sources_reconciled": ["inline"],
    "summary": {
        "currency": "EUR",
        "total_expected": "200.00",
        "total_actual": "116.22",
        "variance": "-83.78",
        "variance_percent": "-41.8900",
        "within_tolerance": False,
        "matches": 1,
        "discrepancies": 2,
    },
    "discrepancies": [
        {
            "kind": "fee",
            "expected_ids": ["INV-1"],
            "actual_ids": ["pay-9"],
            "amount": "-3.78",
            "currency": "EUR",
            "explanation": (
                "The deviation of EUR -3.78 is the fee of 3.78 that the actual side states."
            ),
            "confidence": 0.818,
            "next_step": "Book the processing fee to its own account.",
            "expected_records": [],
            "actual_records": [],
        },
        {
            "kind": "missing",
            "expected_ids": ["INV-2"],
            "actual_ids": [],
            "amount": "-80.00",
            "currency": "EUR",
            "explanation": "No actual record for INV-2, EUR 80.00.",
            "confidence": 0.667,
            "next_step": (
                "Look for the counterpart elsewhere; collect or book it if there is none."
            ),
            "expected_records": [],
            "actual_records": [],
        },
    ],
    "auto_resolved": [],
    "control_totals": [
        {
            "side": "expected",
            "currency": "EUR",
            "input": "200.00",
            "matched": "120.00",
            "unmatched": "80.00",
            "out_of_period": "0.00",
            "records": 2,
            "matched_records": 1,
        },
        {
            "side": "actual",
            "currency": "EUR",
            "input": "116.22",
            "matched": "116.22",
            "unmatched": "0.00",
            "out_of_period": "0.00",
            "records": 1,
            "matched_records": 1,
        },
    ],
    "by_kind": {"fee": 1, "missing": 1},
    "changes": None,
    "notes": [],
    "outputs": [],
}
