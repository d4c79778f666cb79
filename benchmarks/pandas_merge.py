"""What a careful pandas script makes of the same two ledgers: one merge, the same classes.

It has no passes for misspelt references, sums of several records or confidences, and it is given
the truth that references are unique on the expected side.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

FX_WINDOW = 0.05
DAYS = 5
CLASSES = (
    "missing",
    "fx",
    "currency",
    "fee",
    "tax",
    "proration",
    "credit_note",
    "amount",
    "period",
    "timing",
)


def merge_seconds(truth: Any) -> float | None:  # noqa: ANN401 (generated ledgers)
    """Seconds from the same lists of records to classes and control totals; None without pandas."""
    try:
        import pandas as pd  # type: ignore[import-untyped]  # only here where it is installed
    except ImportError:
        return None
    begin = time.perf_counter()
    expected, actual = pd.DataFrame(truth.expected), pd.DataFrame(truth.actual)
    rates = pd.DataFrame(truth.fx_rates).drop_duplicates("base").set_index("base")["rate"]
    for frame in (expected, actual):
        frame["units"] = (frame["amount"].astype(float) * 100).round().astype("int64")
        frame["day"] = pd.to_datetime(frame["date"])
    is_back = actual["units"] < 0
    back = actual[is_back].assign(kind=actual.loc[is_back, "type"])
    paid = actual[~is_back]
    is_repeat = paid.duplicated(["reference", "currency", "units"], keep="first")
    repeats = paid[is_repeat].assign(kind="duplicate")
    parts = paid[~is_repeat].groupby("reference", sort=False)
    sums = parts.agg(units=("units", "sum"), parts=("units", "size"))
    first = paid[~is_repeat].drop_duplicates("reference").drop(columns="units")
    merged = expected.merge(
        first.merge(sums, on="reference"),
        on="reference",
        how="outer",
        suffixes=("", "_actual"),
        indicator=True,
    )
    merged["kind"] = _classes(merged, rates)
    for frame, amount in ((merged, "units"), (back, "units"), (repeats, "units")):
        frame.groupby(["kind", "currency"], dropna=False)[amount].sum()
    for frame in (expected, actual):
        frame.groupby("currency")["units"].sum()
    return time.perf_counter() - begin


def _classes(merged: Any, rates: Any) -> Any:  # noqa: ANN401 (pandas frames)
    both = merged["_merge"] == "both"
    gap = (merged["units_actual"] - merged["units"]).abs()
    other = both & (merged["currency"] != merged["currency_actual"])
    rate = merged["currency_actual"].map(rates).astype(float)
    worth = merged["units_actual"] * rate
    is_fx = other & ((worth - merged["units"]).abs() <= FX_WINDOW * merged["units"])
    said = merged["description"].fillna("")
    fee, tax = ((merged[c].astype(float) * 100).round() for c in ("fee", "tax"))
    days = (merged["day_actual"] - merged["day"]).dt.days.abs()
    period = merged["period_actual"].notna() & (merged["period"] != merged["period_actual"])
    return np.select(
        [
            ~both,
            is_fx,
            other,
            (gap > 0) & (gap == fee),
            (gap > 0) & (gap == tax),
            (gap > 0) & said.str.contains("prorat"),
            (gap > 0) & said.str.contains("credit note"),
            gap > 0,
            period,
            days > DAYS,
        ],
        CLASSES,
        default="equal",
    )
