"""Rows of bank statements: booked entries with the column names that ledgers have.

`id, date, value_date, amount, currency, customer, reference, type, fee, description, account`.
Money that came in is above zero. What the statement's own balances don't bear out is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from jobforge.core.context import Row
from jobforge.core.errors import SourceMalformed

NO_REFERENCE = frozenset({"NONREF", "NOTPROVIDED"})


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement's name, its balances where it states them, and its entries."""

    name: str
    opening: Decimal | None
    closing: Decimal | None
    entries: tuple[Row, ...]


def statement_rows(statements: Iterable[Statement], file: str) -> list[Row]:
    """All entries, once opening balance plus entries is the closing balance everywhere.

    Raises:
        SourceMalformed: a statement whose entries don't add up, or no entry at all.
    """
    rows: list[Row] = []
    for statement in statements:
        _check_balances(statement, file)
        rows += statement.entries
    if not rows:
        raise SourceMalformed(f"{file}: the statement holds no booked entry")
    return rows


def _check_balances(statement: Statement, file: str) -> None:
    if statement.opening is None or statement.closing is None:
        return
    moved: Decimal = sum((entry["amount"] for entry in statement.entries), Decimal(0))
    if statement.opening + moved != statement.closing:
        raise SourceMalformed(
            f"{file}, statement {statement.name}: {statement.opening} and entries of {moved} make "
            f"{statement.opening + moved}, and the closing balance is {statement.closing}",
            hint="the file is incomplete, or was changed",
        )


def entry_row(  # noqa: PLR0913 (one argument per column)
    name: str,
    *,
    booked: date,
    value_date: date | None,
    amount: Decimal,
    currency: str,
    customer: str | None,
    reference: str | None,
    kind: str,
    description: str,
    account: str,
    fee: Decimal | None = None,
) -> Row:
    """One entry as a row; a reference that says there is none is left out."""
    stated = (reference or "").strip()
    return {
        "id": name,
        "date": booked,
        "value_date": value_date or booked,
        "amount": amount,
        "currency": currency,
        "customer": (customer or "").strip() or None,
        "reference": None if stated.upper() in NO_REFERENCE or not stated else stated,
        "type": kind,
        "fee": fee,
        "description": " ".join(description.split()),
        "account": account,
    }
