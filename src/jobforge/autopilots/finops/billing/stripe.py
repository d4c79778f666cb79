"""Objects of the Stripe API as records: minor units and Unix times become amounts and dates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from jobforge.autopilots.finops.money import from_minor, parse_amount, parse_currency
from jobforge.core.context import Row
from jobforge.core.errors import SourceMalformed

_AMOUNT: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "charge": lambda o: o.get("amount"),
    "payment_intent": lambda o: o.get("amount_received", o.get("amount")),
    "refund": lambda o: _negative(o.get("amount")),
    "dispute": lambda o: _negative(o.get("amount")),
    "payout": lambda o: o.get("amount"),
    "balance_transaction": lambda o: o.get("amount"),
    "invoice": lambda o: o.get("total", o.get("amount_due")),
    "credit_note": lambda o: _negative(o.get("total", o.get("amount"))),
}
"""What each object moves; refunds, disputes and credit notes take money back.

Source: Stripe API reference, the objects' `amount` and `total` attributes.
"""


def is_stripe_object(row: Mapping[str, Any]) -> bool:
    """Whether the row is an API object rather than a line of an export."""
    return row.get("object") in _AMOUNT and isinstance(row.get("created"), int)


def from_stripe_object(row: Mapping[str, Any], *, where: str) -> Row:
    """One API object as a record.

    Raises:
        SourceMalformed: it has no id, amount or currency.
    """
    kind = str(row.get("object"))
    if not is_stripe_object(row):
        raise SourceMalformed(f"{where}: {kind} is no object that moves money")
    units = _AMOUNT[kind](row)
    if not row.get("id") or units is None or not row.get("currency"):
        raise SourceMalformed(f"{where}: a {kind} without id, amount or currency")
    currency = parse_currency(row["currency"], where=where)
    return {
        "id": row["id"],
        "date": datetime.fromtimestamp(int(row["created"]), UTC).date(),
        "amount": _major(units, currency, where),
        "currency": currency,
        "customer": _id_of(row.get("customer")),
        "reference": _reference(row, kind),
        "type": row.get("type") if kind == "balance_transaction" else kind,
        "fee": _major(row["fee"], currency, where) if row.get("fee") else None,
        "tax": _major(row["tax"], currency, where) if row.get("tax") else None,
        "description": row.get("description"),
    }


def _negative(value: Any) -> Any:  # noqa: ANN401 (a number or nothing)
    return None if value is None else -value


def _major(units: Any, currency: str, where: str) -> Decimal:  # noqa: ANN401 (whatever came)
    amount = parse_amount(units, where=where)
    if amount != amount.to_integral_value():
        raise SourceMalformed(f"{where}: {units!r} is not a whole number of minor units")
    return from_minor(int(amount), currency)


def _id_of(value: object) -> str | None:
    """An id, also where the object itself was expanded in its place."""
    found = value.get("id") if isinstance(value, Mapping) else value
    return None if found in (None, "") else str(found)


def _reference(row: Mapping[str, Any], kind: str) -> str | None:
    metadata = row.get("metadata")
    if isinstance(metadata, Mapping):
        for name in ("invoice", "invoice_id", "order_id"):
            if metadata.get(name):
                return str(metadata[name])
    if kind == "invoice":
        return str(row["id"])
    names = ("invoice", "charge", "source", "payment_intent")
    return next((found for name in names if (found := _id_of(row.get(name)))), None)
