"""A cloud bill in FOCUS columns as records: one for each invoice, or account and month."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

from jobforge.autopilots.finops.money import parse_amount, parse_currency, parse_instant
from jobforge.autopilots.finops.tables import csv_source, explain, parquet_source
from jobforge.core.context import DatasetFile, Row
from jobforge.core.errors import SourceMalformed

MARKS = frozenset({"BilledCost", "BillingCurrency", "BillingPeriodStart"})
MEMORY_LIMIT = "512MB"
_KEPT = (
    "InvoiceId",
    "InvoiceIssuerName",
    "ProviderName",
    "BillingAccountId",
    "BillingPeriodStart",
    "BillingPeriodEnd",
    "BillingCurrency",
    "ChargeCategory",
)
Key = tuple[str, str, str]


def is_bill(columns: Collection[str]) -> bool:
    """Whether these are the columns of a FOCUS bill."""
    return set(columns) >= MARKS


def bill_records(rows: Sequence[Mapping[str, Any]], *, side: str) -> list[Row]:
    """Sum the billed cost of each invoice, exactly.

    Without `InvoiceId`, of each billing account and billing period. Taxes are stated apart, too.

    Raises:
        InvalidInput: a cost, currency or date that is none; the message names side and row.
    """
    costs: defaultdict[Key, Decimal] = defaultdict(Decimal)
    taxes: defaultdict[Key, Decimal] = defaultdict(Decimal)
    firsts: dict[Key, Mapping[str, Any]] = {}
    for at, row in enumerate(rows, start=1):
        where = f"{side} row {at}"
        cost = parse_amount(row.get("BilledCost"), where=f"{where}: BilledCost")
        currency = parse_currency(row.get("BillingCurrency"), where=where)
        month = parse_instant(row.get("BillingPeriodStart"), where=where).strftime("%Y-%m")
        owner = row.get("InvoiceId") or row.get("BillingAccountId")
        if not owner:
            raise SourceMalformed(f"{where} has neither InvoiceId nor BillingAccountId")
        key = str(owner), month, currency
        firsts.setdefault(key, row)
        costs[key] += cost
        if row.get("ChargeCategory") == "Tax":
            taxes[key] += cost
    return [_record(firsts[key], key, costs[key], taxes.get(key)) for key in sorted(costs)]


def _record(first: Mapping[str, Any], key: Key, cost: Decimal, tax: Decimal | None) -> Row:
    owner, month, currency = key
    is_invoice = bool(first.get("InvoiceId"))
    day = first.get("BillingPeriodEnd") or first.get("BillingPeriodStart")
    return {
        "id": owner if is_invoice else f"{owner}@{month}",
        "date": parse_instant(day, where=f"bill {owner}: BillingPeriodEnd"),
        "amount": cost,
        "currency": currency,
        "customer": first.get("InvoiceIssuerName") or first.get("ProviderName"),
        "reference": owner if is_invoice else None,
        "type": "invoice",
        "tax": tax,
        "description": f"cloud bill of {owner} for {month}",
        "period": month,
    }


def read_bill_file(file: DatasetFile) -> list[Row] | None:
    """The bill of a CSV or Parquet file, summed before it becomes rows; None if it is no bill.

    Raises:
        SourceMalformed: a cost is no number.
    """
    if file.format not in ("csv", "parquet"):
        return None
    import duckdb

    source = parquet_source(file.path) if file.format == "parquet" else csv_source(file.path)
    with duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "threads": 2}) as connection:
        columns = _columns(connection, source)
        if not is_bill(columns):
            return None
        try:
            kept = ", ".join(name for name in _KEPT if name in columns)
            cursor = connection.execute(
                f"SELECT {kept}, sum(CAST(BilledCost AS DECIMAL(38, 12))) AS BilledCost "  # noqa: S608 (fixed column names)
                f"FROM {source} GROUP BY ALL"
            )
            names = [part[0] for part in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        except duckdb.Error as error:
            raise SourceMalformed(
                f"{file.path.name} is not a readable bill: {explain(error, file.path)}"
            ) from None


def _columns(connection: Any, source: str) -> list[str]:  # noqa: ANN401 (a DuckDB connection)
    """The table's columns; none where it is no table, which its own reader says better."""
    import duckdb

    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()  # noqa: S608 (a quoted file name)
    except duckdb.Error:
        return []
    return [str(row[0]) for row in described]
