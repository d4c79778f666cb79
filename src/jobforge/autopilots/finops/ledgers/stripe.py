"""Objects and exports of Stripe as records: what each moves, in which direction, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from jobforge.autopilots.finops.currencies import minor_unit_digits
from jobforge.autopilots.finops.ledgers.movements import Facts, Movement
from jobforge.autopilots.finops.money import parse_amount, parse_currency
from jobforge.core.context import Row
from jobforge.core.errors import SourceMalformed

_AMOUNT: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "charge": lambda o: o.get("amount_captured") or o.get("amount"),
    "payment_intent": lambda o: o.get("amount_received", o.get("amount")),
    "refund": lambda o: o.get("amount"),
    "dispute": lambda o: o.get("amount"),
    "payout": lambda o: o.get("amount"),
    "balance_transaction": lambda o: o.get("amount"),
    "invoice": lambda o: o.get("total", o.get("amount_due")),
    "credit_note": lambda o: o.get("total", o.get("amount")),
}
"""What each object moves.

Source: Stripe API reference, the objects' `amount` and `total` attributes.
"""
TAKES_BACK = frozenset({"refund", "dispute", "credit_note"})
_DIGITS = {"ISK": 2, "UGX": 2, "MGA": 0}
"""Where Stripe's smallest unit is not the one of ISO 4217.

Source: Stripe documentation, supported currencies: zero-decimal currencies and special cases.
"""
_PREFIXES = {
    "ch": "charge",
    "py": "charge",
    "pi": "payment_intent",
    "re": "refund",
    "pyr": "refund",
    "dp": "dispute",
    "du": "dispute",
    "po": "payout",
    "txn": "balance_transaction",
    "in": "invoice",
    "cn": "credit_note",
}
"""What an id stands for. Source: Stripe API reference, the objects' example ids."""


def is_stripe_object(row: Mapping[str, Any]) -> bool:
    """Whether the row is an API object rather than a line of an export."""
    return row.get("object") in _AMOUNT and isinstance(row.get("created"), int)


def kind_of_id(name: object) -> str | None:
    """What a Stripe id stands for; None for any other id."""
    prefix, mark, rest = str(name or "").partition("_")
    return _PREFIXES.get(prefix) if mark and rest else None


def from_stripe_object(row: Mapping[str, Any], *, where: str) -> Movement:
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
    amount = _major(units, currency, where)
    record = {
        "id": row["id"],
        "date": datetime.fromtimestamp(int(_moment(row, kind)), UTC),
        "amount": -amount if kind in TAKES_BACK else amount,
        "currency": currency,
        "customer": _id_of(row.get("customer")),
        "reference": _reference(row, kind),
        "type": row.get("type") if kind == "balance_transaction" else kind,
        "fee": _major(row["fee"], currency, where) if row.get("fee") else None,
        "tax": _tax(row, currency, where),
        "description": row.get("description") or row.get("statement_descriptor"),
    }
    refunded = row.get("amount_refunded") if kind == "charge" else None
    return Movement(record, kind, _facts(row, _major(refunded or 0, currency, where)))


def _facts(row: Mapping[str, Any], refunded: Decimal) -> Facts:
    return Facts(
        status=str(row.get("status") or ""),
        is_captured=row.get("captured") is not False,
        refunded=refunded,
    )


def from_export_line(record: Row, facts: Facts) -> Movement:
    """A line of a dashboard export, once its columns are named our way.

    The id says what it is where no column does; what takes money back is written without a sign.
    """
    kind = kind_of_id(record.get("id"))
    if kind is None:
        return Movement(record, str(record.get("type") or "").casefold(), facts)
    amount = record.get("amount")
    if kind in TAKES_BACK and isinstance(amount, Decimal) and amount > 0:
        record = {**record, "amount": -amount}
    if kind == "invoice" and not record.get("reference"):
        record = {**record, "reference": record["id"]}
    return Movement({**record, "type": record.get("type") or kind}, kind, facts)


def _moment(row: Mapping[str, Any], kind: str) -> Any:  # noqa: ANN401 (seconds since 1970)
    """A payout counts on the day it reaches the bank, which is the day the bank books it."""
    arrival = row.get("arrival_date") if kind == "payout" else None
    return arrival if isinstance(arrival, int) else row["created"]


def _tax(row: Mapping[str, Any], currency: str, where: str) -> Decimal | None:
    if row.get("tax"):
        return _major(row["tax"], currency, where)
    listed = row.get("total_taxes") or row.get("total_tax_amounts") or ()
    parts = [entry.get("amount") for entry in listed if isinstance(entry, Mapping)]
    amounts = [_major(part, currency, where) for part in parts if part is not None]
    return sum(amounts, Decimal(0)) if amounts else None


def _major(units: Any, currency: str, where: str) -> Decimal:  # noqa: ANN401 (whatever came)
    amount = parse_amount(units, where=where)
    if amount != amount.to_integral_value():
        raise SourceMalformed(f"{where}: {units!r} is not a whole number of minor units")
    digits = _DIGITS.get(currency, minor_unit_digits(currency))
    return Decimal(int(amount)).scaleb(-digits)


def _id_of(value: object) -> str | None:
    """An id, also where the object itself was expanded in its place."""
    found = value.get("id") if isinstance(value, Mapping) else value
    return None if found in (None, "") else str(found)


def _reference(row: Mapping[str, Any], kind: str) -> str | None:
    if kind in ("invoice", "payout"):
        return str(row["id"])
    return next(_references(row), None)


def _references(row: Mapping[str, Any]) -> Iterator[str]:
    metadata = row.get("metadata")
    if isinstance(metadata, Mapping):
        named = (metadata.get(name) for name in ("invoice", "invoice_id", "order_id"))
        yield from (str(value) for value in named if value)
    names = ("invoice", "charge", "source", "payment_intent")
    yield from (found for name in names if (found := _id_of(row.get(name))))
