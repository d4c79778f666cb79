"""Cost rows as a table of days: one series per account and service."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from jobforge.autopilots.finops.money import parse_amount, parse_instant
from jobforge.core.errors import InvalidInput

Floats = NDArray[np.float64]
Key = tuple[str, str]
Measure = Literal["cost", "usage"]
MISSING_SHARE = 0.1
"""Bills with fewer days than nine in ten have days on which nothing is billed."""
DRILL_DOWN = (
    "Account",
    "ServiceName",
    "RegionId",
    "ResourceId",
    "SkuId",
    "ChargeCategory",
    "CommitmentDiscountStatus",
)
"""Columns that may say what a change is made of; `Account` is there where a total hides it."""


@dataclass(frozen=True, slots=True)
class DailyCosts:
    """`table` is `(n_series, n_days)`; `details` has one table per drill-down column and value."""

    first: date
    keys: tuple[Key, ...]
    table: Floats
    details: Mapping[Key, Mapping[tuple[str, str], Floats]]
    currency: str


def to_daily_costs(
    rows: Iterable[Mapping[str, Any]], *, by: str = "ServiceName", measure: Measure = "cost"
) -> DailyCosts:
    """Sum rows with FOCUS columns by day, account and service (or another column).

    The cost is `EffectiveCost` where every row has it, so that commitments count when used, else
    `BilledCost`. The account is `SubAccountId`, else `BillingAccountId`. Days are UTC.

    Raises:
        InvalidInput: no rows, no date or cost in a row, several billing currencies, or days without
            any row in a bill that has rows for nearly all days.
    """
    listed = list(rows)
    if not listed:
        raise InvalidInput("there are no cost rows")
    _refuse_missing_days(_days(listed))
    if measure == "usage":
        listed = [row for row in listed if row.get("ConsumedQuantity") not in (None, "")]
    cost = _cost_column(listed) if measure == "cost" else "ConsumedQuantity"
    currency = _one_currency(listed)
    days = _days(listed)
    first, last = min(days), max(days)
    size = last - first + 1
    columns = _drill_down(listed, by)
    series: dict[Key, Floats] = {}
    details: defaultdict[Key, dict[tuple[str, str], Floats]] = defaultdict(dict)
    for index, (row, day) in enumerate(zip(listed, days, strict=True)):
        unit = f" in {row.get('ConsumedUnit')}" if measure == "usage" else ""
        key = _account(row), _name(row.get(by)) + unit
        amount = float(parse_amount(row[cost], where=f"cost row {index}: {cost}"))
        series.setdefault(key, np.zeros(size))[day - first] += amount
        for column in columns:
            if value := row.get(column):
                part = details[key].setdefault((column, str(value)), np.zeros(size))
                part[day - first] += amount
    keys = tuple(sorted(series))
    table = np.stack([series[key] for key in keys])
    return DailyCosts(date.fromordinal(first), keys, table, details, currency)


def _drill_down(rows: Sequence[Mapping[str, Any]], by: str) -> list[str]:
    """Columns that split a series further: not the one it is split by, nor one with one value."""
    return [
        column
        for column in DRILL_DOWN
        if column != by and len({row.get(column) for row in rows} - {None, ""}) > 1
    ]


def _cost_column(rows: Sequence[Mapping[str, Any]]) -> str:
    for column in ("EffectiveCost", "BilledCost"):
        if all(row.get(column) not in (None, "") for row in rows):
            return column
    raise InvalidInput("a cost row has neither EffectiveCost nor BilledCost")


def _one_currency(rows: Sequence[Mapping[str, Any]]) -> str:
    found = sorted({str(row["BillingCurrency"]) for row in rows if row.get("BillingCurrency")})
    if len(found) > 1:
        raise InvalidInput(
            f"the costs mix currencies ({', '.join(found)})",
            hint="scan one billing currency at a time",
        )
    return found[0] if found else "USD"


def _days(rows: Sequence[Mapping[str, Any]]) -> list[int]:
    known: dict[Any, int] = {}
    days = []
    for index, row in enumerate(rows):
        value = row.get("ChargePeriodStart")
        if value not in known:
            where = f"cost row {index}: ChargePeriodStart"
            known[value] = parse_instant(value, where=where).toordinal()
        days.append(known[value])
    return days


def _refuse_missing_days(days: Sequence[int]) -> None:
    """A day without a row would count as one that cost nothing, and be an anomaly everywhere."""
    there = set(days)
    missing = [day for day in range(min(there), max(there)) if day not in there]
    if missing and len(missing) <= MISSING_SHARE * (len(there) + len(missing)):
        first = date.fromordinal(missing[0])
        raise InvalidInput(
            f"the bill has no row for {len(missing)} days, the first {first}: a part is missing",
            hint="add what was billed; for a day that cost nothing, a row of 0",
        )


def _account(row: Mapping[str, Any]) -> str:
    return _name(row.get("SubAccountId") or row.get("BillingAccountId"))


def _name(value: object) -> str:
    return str(value) if value not in (None, "") else "(none)"


def to_money(amount: float) -> Decimal:
    """A computed amount in cents."""
    return Decimal(f"{amount:.2f}")
