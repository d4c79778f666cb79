"""Records for the reconciliation tests, with the fields that rarely matter filled in."""

from __future__ import annotations

from decimal import Decimal
from typing import Any


def record(name: str, amount: str, **fields: object) -> dict[str, Any]:
    """A record of 5 January 2026 in EUR from the customer acme; its reference is its name."""
    return {
        "id": name,
        "date": "2026-01-05",
        "amount": Decimal(amount),
        "currency": "EUR",
        "customer": "acme",
        "reference": name,
        **fields,
    }
