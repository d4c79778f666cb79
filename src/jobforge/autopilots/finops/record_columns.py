"""Rows of any ledger, invoice list or payment export as records with our column names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jobforge.autopilots.finops.billing.stripe import from_stripe_object, is_stripe_object
from jobforge.autopilots.finops.money import from_minor, parse_amount, parse_currency
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
        "created",
        "created_at",
        "created_utc",
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
    ),
    "type": ("type", "transaction_type", "reporting_category", "event_type", "kind"),
    "tax": ("tax", "tax_amount", "vat"),
    "fee": ("fee", "fees", "processing_fee"),
    "description": ("description", "memo", "narrative", "details", "statement_descriptor"),
    "period": ("period", "billing_period", "accounting_period"),
}
_MINOR = ("amount_cents", "amount_minor")
_DELIMITERS = (";", "\t", "|", ",")


def to_records(
    rows: Sequence[Row], *, side: str, columns: Mapping[str, str] | None = None
) -> list[Row]:
    """Name the columns our way: by `columns` (ours to theirs) first, then by known aliases.

    Objects of the Stripe API (`object`, `created` in seconds) are recognised as they are.
    Names are compared without case, spaces and punctuation. `amount_cents` holds minor units.

    Raises:
        SourceMalformed: no rows, a column named in `columns` that is not there, or a file read
            with the wrong delimiter.
    """
    if not rows:
        raise SourceMalformed(f"the {side} data is empty: there is nothing to reconcile")
    if is_stripe_object(rows[0]):
        return [from_stripe_object(row, where=f"{side} row {n}") for n, row in enumerate(rows, 1)]
    names = {_normal(name): name for row in rows[:100] for name in row}
    _refuse_wrong_delimiter(names, side)
    chosen = {**_by_alias(names), **_by_request(columns or {}, names, side)}
    minor = next((names[name] for name in _MINOR if name in names), None)
    if "amount" in chosen:
        minor = None
    return [_record(row, chosen, minor, f"{side} row {n}") for n, row in enumerate(rows, 1)]


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


def _by_alias(names: Mapping[str, str]) -> dict[str, str]:
    return {
        ours: next(names[alias] for alias in aliases if alias in names)
        for ours, aliases in ALIASES.items()
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


def _record(row: Row, chosen: Mapping[str, str], minor: str | None, where: str) -> Row:
    record: Row = {ours: row.get(theirs) for ours, theirs in chosen.items()}
    if minor is not None:
        currency = parse_currency(record.get("currency"), where=where)
        record["amount"] = from_minor(_integer(row.get(minor), f"{where}: {minor}"), currency)
    return record


def _integer(value: Any, where: str) -> int:  # noqa: ANN401 (whatever a row holds)
    amount = parse_amount(value, where=where)
    if amount != amount.to_integral_value():
        raise InvalidInput(f"{where}: {value!r} is not a whole number of minor units")
    return int(amount)
