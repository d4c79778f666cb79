"""Rows of any ledger, invoice list or payment export as records with our column names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from jobforge.autopilots.finops.ledgers.cloud_bill import bill_records, is_bill
from jobforge.autopilots.finops.ledgers.movements import Facts, Movement, SourceRecords, settle
from jobforge.autopilots.finops.ledgers.stripe import (
    from_export_line,
    from_stripe_object,
    is_stripe_object,
)
from jobforge.autopilots.finops.money import (
    from_minor,
    parse_amount,
    parse_currency,
    parse_instant,
)
from jobforge.core.context import Row
from jobforge.core.errors import InvalidInput, SourceMalformed

ALIASES: dict[str, tuple[str, ...]] = {
    "id": (
        "id",
        "record_id",
        "payment_id",
        "transaction_id",
        "charge_id",
        "balance_transaction_id",
        "event_id",
        "line_id",
        "invoice_id",
        "invoice_number",
        "number",
    ),
    "date": (
        "date",
        "arrival_date_utc",
        "arrival_date",
        "created",
        "created_at",
        "created_utc",
        "created_date_utc",
        "date_utc",
        "timestamp",
        "invoice_date",
        "payment_date",
        "paid_at",
        "issued_at",
        "booking_date",
        "value_date",
        "posted_at",
    ),
    "amount": ("amount", "total", "amount_due", "amount_paid", "gross", "value"),
    "currency": ("currency", "currency_code", "iso_currency"),
    "customer": ("customer", "customer_id", "customer_name", "account_id", "account", "payer"),
    "reference": (
        "reference",
        "ref",
        "invoice_id",
        "invoice_number",
        "invoice",
        "order_id",
        "subscription_id",
        "source_id",
        "source",
        "charge_id",
        "charge",
        "payment_intent_id",
        "paymentintent_id",
    ),
    "type": ("type", "transaction_type", "reporting_category", "event_type", "kind"),
    "tax": ("tax", "tax_amount", "vat"),
    "fee": ("fee", "fees", "processing_fee"),
    "description": ("description", "memo", "narrative", "details", "statement_descriptor"),
    "period": ("period", "billing_period", "accounting_period"),
}
_FACTS: dict[str, tuple[str, ...]] = {
    "status": ("status", "state"),
    "captured": ("captured",),
    "refunded": ("amount_refunded",),
    "quantity": ("quantity", "usage", "usage_quantity"),
    "unit_price": ("unit_price", "price_per_unit"),
}
"""Columns that say how far a line moved money, or how its amount comes about."""
_MINOR = ("amount_cents", "amount_minor")
_DELIMITERS = (";", "\t", "|", ",")


def to_records(
    rows: Sequence[Row], *, side: str, columns: Mapping[str, str] | None = None
) -> SourceRecords:
    """Name the columns our way: by `columns` (ours to theirs) first, then by known aliases.

    Objects of the Stripe API (`object`, `created` in seconds) and bills in FOCUS columns are
    recognised as they are. Names are compared without case, spaces and punctuation. `amount_cents`
    holds minor units; without an amount, a quantity times its unit price is one. Times of a column
    that ends in UTC are UTC.

    Raises:
        SourceMalformed: no rows, a column named in `columns` that is not there, or a file read
            with the wrong delimiter.
    """
    if not rows:
        raise SourceMalformed(f"the {side} data is empty: there is nothing to reconcile")
    if is_stripe_object(rows[0]):
        movements = [
            from_stripe_object(row, where=f"{side} row {n}") for n, row in enumerate(rows, 1)
        ]
        return settle(movements, side=side)
    if is_bill(rows[0]):
        return SourceRecords(bill_records(rows, side=side))
    names = {_normal(name): name for row in rows[:100] for name in row}
    _refuse_wrong_delimiter(names, side)
    chosen = {**_by_alias(names), **_by_request(columns or {}, names, side)}
    minor = next((names[name] for name in _MINOR if name in names), None)
    reader = _LineReader(chosen, _by_alias(names, _FACTS), None if "amount" in chosen else minor)
    lines = (reader.read(row, f"{side} row {n}") for n, row in enumerate(rows, 1))
    return settle(list(lines), side=side)


def _normal(name: str) -> str:
    return "_".join("".join(c if c.isalnum() else " " for c in name.casefold()).split())


def _refuse_wrong_delimiter(names: Mapping[str, str], side: str) -> None:
    if len(names) != 1:
        return
    (only,) = names.values()
    found = next((mark for mark in _DELIMITERS if mark in only), None)
    if found is not None:
        raise SourceMalformed(
            f"the {side} data has one column {only!r}: it is separated by {found!r}",
            hint="convert it to comma-separated values",
        )


def _by_alias(
    names: Mapping[str, str], known: Mapping[str, tuple[str, ...]] = ALIASES
) -> dict[str, str]:
    return {
        ours: next(names[alias] for alias in aliases if alias in names)
        for ours, aliases in known.items()
        if any(alias in names for alias in aliases)
    }


def _by_request(columns: Mapping[str, str], names: Mapping[str, str], side: str) -> dict[str, str]:
    chosen = {}
    for ours, theirs in columns.items():
        if ours not in ALIASES:
            raise InvalidInput(f"{ours!r} is no column of a record", pointer=f"/columns/{side}")
        if _normal(theirs) not in names:
            raise SourceMalformed(
                f"the {side} data has no column {theirs!r}; it has {sorted(names.values())}"
            )
        chosen[ours] = names[_normal(theirs)]
    return chosen


class _LineReader:
    """Reads the lines of one export, whose columns are known."""

    def __init__(
        self, chosen: Mapping[str, str], facts: Mapping[str, str], minor: str | None
    ) -> None:
        self._chosen = chosen
        self._facts = facts
        self._minor = minor
        date = chosen.get("date", "")
        self._is_utc = _normal(date).endswith("utc")

    def read(self, row: Row, where: str) -> Movement:
        """One line with what it says besides."""
        record: Row = {ours: row.get(theirs) for ours, theirs in self._chosen.items()}
        said = {fact: row.get(name) for fact, name in self._facts.items()}
        if self._minor is not None:
            currency = parse_currency(record.get("currency"), where=where)
            units = _integer(row.get(self._minor), f"{where}: {self._minor}")
            record["amount"] = from_minor(units, currency)
        elif "amount" not in self._chosen and said.get("quantity") not in (None, ""):
            record["amount"] = _product(said, where)
        elif record.get("amount") not in (None, ""):
            record["amount"] = parse_amount(record["amount"], where=f"{where}: amount")
        if self._is_utc and record.get("date"):
            record["date"] = parse_instant(record["date"], where=f"{where}: date")
        return from_export_line(record, _read_facts(said, where))


def _product(said: Mapping[str, Any], where: str) -> Decimal:
    if said.get("unit_price") in (None, ""):
        raise SourceMalformed(f"{where} has a quantity and no unit price: it is no amount of money")
    quantity = parse_amount(said["quantity"], where=f"{where}: quantity")
    return quantity * parse_amount(said["unit_price"], where=f"{where}: unit price")


def _read_facts(said: Mapping[str, Any], where: str) -> Facts:
    refunded = said.get("refunded")
    return Facts(
        status=str(said.get("status") or ""),
        is_captured=str(said.get("captured")).casefold() not in ("false", "no", "0"),
        refunded=Decimal(0)
        if refunded in (None, "")
        else parse_amount(refunded, where=f"{where}: amount refunded"),
    )


def _integer(value: Any, where: str) -> int:  # noqa: ANN401 (whatever a row holds)
    amount = parse_amount(value, where=where)
    if amount != amount.to_integral_value():
        raise InvalidInput(f"{where}: {value!r} is not a whole number of minor units")
    return int(amount)
