"""Measure the finops domain, next to published figures.

Run with `python -m benchmarks.finops`, or with the names of sections. Public data is read from
`../shared/datasets`; what is absent is skipped and said so. The last line is one JSON object with
a key per figure.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedKFold

from benchmarks.nab_score import file_score, normalised
from benchmarks.pandas_merge import merge_seconds
from jobforge.autopilots.finops import (
    ChurnModel,
    detect_anomalies,
    detect_anomalies_many,
    find_cost_anomalies,
    fit_bg_nbd,
    match_records,
    reconcile,
    validate_focus,
)
from jobforge.autopilots.finops.churn.quality import measure_quality
from jobforge.autopilots.finops.costs.daily import DailyCosts, to_daily_costs
from jobforge.autopilots.finops.costs.find import Z_SCORES, Thresholds, find_in_daily_costs
from jobforge.autopilots.finops.costs.forecast import forecast_total
from jobforge.autopilots.finops.costs.generator import generate_costs, score_findings
from jobforge.autopilots.finops.reconciliation.generator import (
    generate_ledgers,
    score_reconciliation,
)
from jobforge.core.context import DatasetFile

DATA = Path(__file__).parents[2] / "shared" / "datasets"
DAY = 86_400.0
BILL_ROWS = 10_000_000
Figures = Iterator[tuple[str, float | None, str, str]]
"""Name, value, goal, published."""


def _rows(path: Path) -> list[dict[str, Any]]:
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    return list(csv.DictReader(io.StringIO(text)))


def nab() -> Figures:
    """Anomalies of the benchmark's public files, one configuration, threshold fixed in advance."""
    folder = DATA / "nab"
    windows = json.loads((folder / "combined_windows.json").read_text())
    scores, count = [], 0
    for name, spans in windows.items():
        rows = _rows(folder / "data" / f"{name}.gz")
        times = [_moment(row["timestamp"]) for row in rows]
        edges = [(_moment(a), _moment(b)) for a, b in spans]
        where = [
            (int(np.searchsorted(times, a)), int(np.searchsorted(times, b, "right")) - 1)
            for a, b in edges
        ]
        found = detect_anomalies(times, [float(row["value"]) for row in rows])
        probation = min(int(0.15 * len(rows)), 750)
        scores.append(file_score(found.alarms.tolist(), where, probation))
        count += len(spans)
    published = "HTM 70.1, Skyline 58.2, RCF 51.7 (58 files)"
    yield "nab_standard", normalised(scores, count), ">= 60", published


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def deepmatcher() -> Figures:
    """Entity matching: examples from the training pairs, judged on the validation pairs."""
    yield "f1_amazon_google", _matching_f1("amazon-google"), ">= 0.70", "DeepMatcher 0.693"
    yield "f1_itunes_amazon", _matching_f1("itunes-amazon"), ">= 0.96", "DeepMatcher 0.880"


def _matching_f1(name: str) -> float:
    folder = DATA / "deepmatcher" / name
    known: tuple[dict[Any, int], dict[Any, int]] = ({}, {})
    parts = []
    for part in ("train", "validation"):
        pairs = []
        for row in _rows(folder / f"{part}.csv.gz"):
            ids = [
                side.setdefault(_half(row, prefix), len(side))
                for side, prefix in zip(known, ("left_", "right_"), strict=True)
            ]
            pairs.append((ids[0], ids[1], row["label"] == "1"))
        parts.append(pairs)
    left, right = ([{**dict(row), "id": at} for row, at in side.items()] for side in known)
    train, judged = parts
    found = match_records(left, right, pairs=[(a, b) for a, b, _ in judged], examples=train)
    matched = {(m.left_id, m.right_id) for m in found}
    hits = sum((a, b) in matched for a, b, same in judged if same)
    reported = sum((a, b) in matched for a, b, _ in judged)
    return 2 * hits / float(reported + sum(same for *_, same in judged))


def _half(row: dict[str, Any], prefix: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (k.removeprefix(prefix), v)
        for k, v in row.items()
        if k.startswith(prefix) and k != f"{prefix}id"
    )


def churn() -> Figures:
    """IBM Telco by five outer folds, CDNOW parameters, a million accounts scored."""
    rows = _rows(DATA / "telco-churn" / "customers.csv")
    left = np.array([row.pop("Churn") == "Yes" for row in rows])
    probabilities = np.empty(len(rows))
    model = None
    for seen, unseen in StratifiedKFold(5, shuffle=True, random_state=0).split(left, left):
        model = ChurnModel.fit([rows[i] for i in seen], left[seen].tolist())
        probabilities[unseen] = model.predict([rows[i] for i in unseen])
    quality = measure_quality(left, probabilities)
    yield "telco_auc", quality.auc, ">= 0.850", "honest figures .845-.85"
    yield "telco_brier", quality.brier, "<= 0.133", "first try .1332"
    yield "telco_ece", quality.calibration_error, "<= 0.02", "-"
    yield "telco_lift_top_decile", quality.top_decile_lift, "-", "first try 2.86"
    yield "telco_average_precision", quality.average_precision, "-", "-"
    assert model is not None
    many = (rows * (1_000_000 // len(rows) + 1))[:1_000_000]
    begin = time.perf_counter()
    model.predict(many)
    yield "churn_million_seconds", time.perf_counter() - begin, "< 60", "-"


def cdnow() -> Figures:
    """BG/NBD on the published summary."""
    rows = _rows(DATA / "cdnow" / "cdnow_customers_summary.csv")
    fitted = fit_bg_nbd(*([float(r[c]) for r in rows] for c in ("frequency", "recency", "T")))
    published = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
    gap = max(abs(getattr(fitted, name) - value) for name, value in published.items())
    yield "bg_nbd_largest_gap", gap, "<= 1e-3", "0"


def focus() -> Figures:
    """The public FOCUS sample against the rules of 1.2."""
    begin = time.perf_counter()
    report = validate_focus(DATA / "focus" / "focus_sample.csv.gz")
    seconds = time.perf_counter() - begin
    yield "focus_fail", report.count("fail"), "23", "23"
    yield "focus_pass", report.count("pass"), "114", "114"
    judged_not = report.count("skipped") + report.count("not_applicable")
    yield "focus_skipped", judged_not, "441", "441"
    yield "focus_strict_fail", report.count("fail", strict=True), "-", "-"
    yield "focus_seconds", seconds, "< 2", "-"
    older = validate_focus(DATA / "focus" / "focus_sample.csv.gz", version="1.0")
    yield "focus_1_0_fail", older.count("fail"), "10", "10"


def ledgers() -> Figures:
    """Reconciliation of generated ledgers with known breaks."""
    scores = []
    for seed in range(100, 105):
        truth = generate_ledgers(20_000, seed=seed)
        found = reconcile(truth.expected, truth.actual, fx_rates=truth.fx_rates)
        scores.append(score_reconciliation(truth, found))
    yield "ledger_precision", min(s.precision for s in scores), ">= 0.99", "-"
    yield "ledger_recall", min(s.recall for s in scores), ">= 0.97", "-"
    yield "ledger_match_recall", min(s.match_recall for s in scores), ">= 0.97", "-"
    yield "ledger_totals_exact", float(all(s.totals_exact for s in scores)), "1", "-"


def million() -> Figures:
    """One million against one million, five percent broken."""
    truth = generate_ledgers(1_000_000, seed=7)
    begin = time.perf_counter()
    found = reconcile(truth.expected, truth.actual, fx_rates=truth.fx_rates)
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    yield "million_seconds", seconds, "< 60", "-"
    yield "million_peak_gb", peak, "< 4", "-"
    yield "million_recall", score_reconciliation(truth, found).recall, ">= 0.97", "-"
    yield "million_pandas_seconds", merge_seconds(truth), "slower", "-"


def costs() -> Figures:
    """Cost anomalies of generated bills, the forecast's interval, and many series."""
    scores = []
    for seed in range(100, 106):
        truth = generate_costs(seed=seed)
        scores.append(score_findings(truth, find_cost_anomalies(truth.rows)))
    false = float(np.mean([s.false_alerts_per_account_month for s in scores]))
    yield "cost_f1", float(np.mean([s.f1 for s in scores])), ">= 0.9", "-"
    yield "cost_false_alerts_per_account_month", false, "<= 1", "-"
    yield "cost_right_place", float(np.mean([s.right_place for s in scores])), ">= 0.95", "-"
    yield "forecast_coverage_80", _coverage(), "0.75-0.85", "-"
    draw = np.random.default_rng(0)
    matrix = draw.normal(100, 10, (10_000, 730))
    begin = time.perf_counter()
    detect_anomalies_many([DAY * n for n in range(730)], matrix)
    yield "series_10000_seconds", time.perf_counter() - begin, "< 60", "-"
    keys = tuple((f"account-{n}", "service") for n in range(len(matrix)))
    costs = DailyCosts(date(2024, 1, 1), keys, np.abs(matrix), {}, "USD")
    begin = time.perf_counter()
    find_in_daily_costs(costs, Thresholds(Z_SCORES["medium"], 10, 0.25))
    yield "cost_series_10000_seconds", time.perf_counter() - begin, "< 60", "-"


def rows() -> Figures:
    """Ten million cost rows of a FOCUS file read and summed by day, in a process of its own."""
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bill.parquet"
        duckdb.connect().execute(
            "COPY (SELECT TIMESTAMP '2025-01-01' + INTERVAL (i % 365) DAY AS ChargePeriodStart, "  # noqa: S608 (our own numbers)
            "'account-' || (i % 50) AS SubAccountId, 'service-' || (i % 40) AS ServiceName, "
            "'region-' || (i % 6) AS RegionId, 'resource-' || (i % 90000) AS ResourceId, "
            "'Usage' AS ChargeCategory, 'USD' AS BillingCurrency, (i % 997) / 100 AS BilledCost "
            f"FROM range({BILL_ROWS}) AS t(i)) TO '{path}'"
        )
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            seconds, peak, total = pool.submit(_read_bill, path).result()
    expected = Decimal(sum(n % 997 for n in range(BILL_ROWS))) / 100
    yield "cost_rows_10m_seconds", seconds, "-", "-"
    yield "cost_rows_10m_peak_mb", peak, "< 1000", "-"
    yield "cost_rows_10m_total_exact", float(total == expected), "1", "-"


def _read_bill(path: Path) -> tuple[float, float, Decimal]:
    from jobforge.autopilots.finops.costs.files import read_cost_file

    begin = time.perf_counter()
    found = read_cost_file(DatasetFile(path=path, format="parquet", checksum=""))
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return seconds, peak, sum((row["BilledCost"] for row in found), Decimal(0))


def _coverage() -> float:
    hits = tries = 0
    for seed in range(200, 206):
        made = generate_costs(seed=seed, accounts=4, days=300, breaks_per_account=2)
        table = to_daily_costs(made.rows)
        for account in sorted({key[0] for key in table.keys}):
            mine = [n for n, key in enumerate(table.keys) if key[0] == account]
            series = table.table[mine].sum(axis=0)
            for days in (7, 30):
                for end in range(200, 300 - days, 23):
                    made_forecast = forecast_total(series[:end], days)
                    if made_forecast.low is None or made_forecast.high is None:
                        continue
                    actual = float(series[end : end + days].sum())
                    hits += made_forecast.low <= actual <= made_forecast.high
                    tries += 1
    return hits / tries


SECTIONS: dict[str, tuple[Callable[[], Figures], str | None]] = {
    "nab": (nab, "nab"),
    "deepmatcher": (deepmatcher, "deepmatcher"),
    "churn": (churn, "telco-churn"),
    "cdnow": (cdnow, "cdnow"),
    "focus": (focus, "focus"),
    "ledgers": (ledgers, None),
    "costs": (costs, None),
    "rows": (rows, None),
    "million": (million, None),
}


def main(names: list[str]) -> int:
    """Print a table and, as the last line, the figures as JSON."""
    figures: dict[str, float | None] = {}
    out = sys.stdout
    out.write(f"{'figure':38}{'value':>12}  {'goal':14}published\n")
    for name, (measure, folder) in SECTIONS.items():
        if names and name not in names:
            continue
        if folder is not None and not (DATA / folder).exists():
            out.write(f"{name}: skipped, {DATA / folder} is not here\n")
            continue
        for figure, value, goal, published in measure():
            figures[figure] = None if value is None else round(float(value), 6)
            shown = "-" if value is None else f"{value:.4f}"
            out.write(f"{figure:38}{shown:>12}  {goal:14}{published}\n")
            out.flush()
    out.write(json.dumps(figures) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
