"""An anomaly report as a page: facts, charts and tables."""

from __future__ import annotations

from datetime import timedelta

from jobforge.autopilots.finops.costs.report_models import AnomalyScanResult
from jobforge.autopilots.finops.costs.scan import CostScan
from jobforge.autopilots.finops.report_pages import Bars, Line, Page, Table, store_pages
from jobforge.contract.manifest import ArtifactOutput
from jobforge.core.context import JobContext

CHARTED = 12


async def store_report(
    result: AnomalyScanResult, scan: CostScan | None, context: JobContext
) -> list[ArtifactOutput]:
    """Store the whole result as JSON, Markdown, HTML and CSV."""
    report = await context.artifacts.put(
        f"finops-anomaly-{context.job.job_id}.json",
        result.model_dump_json(indent=2, exclude={"outputs"}).encode(),
        kind="anomaly_scan_report",
        mime_type="application/json",
    )
    pages = await store_pages(context, "finops-anomaly", "anomaly", _page(result, scan))
    return [report, *pages]


def _page(result: AnomalyScanResult, scan: CostScan | None) -> Page:
    facts: list[tuple[str, object]] = [
        ("Reference date", result.reference_date),
        ("Anomalies", result.total_anomaly_count),
        ("Money concerned", result.total_anomaly_amount),
    ]
    if result.forecast is not None:
        facts.append(("Next period", result.forecast.next_period_estimate))
    facts += [("Note", note) for note in result.notes]
    return Page("Anomaly scan", facts, [*_charts(result, scan), *_tables(result)])


def _charts(result: AnomalyScanResult, scan: CostScan | None) -> list[Line | Bars]:
    charts: list[Line | Bars] = []
    if scan is not None and scan.series:
        first = scan.last_day - timedelta(days=len(scan.series) - 1)
        marks = [(a.start - first).days for a in result.anomalies_detected if a.start]
        charts.append(Line("Cost by day", scan.series, str(first), str(scan.last_day), marks))
    if result.anomalies_detected:
        bars = [
            (f"{a.account or ''} {a.group or a.kind}", float(a.amount))
            for a in result.anomalies_detected[:CHARTED]
        ]
        charts.append(Bars("Largest anomalies", bars))
    return charts


def _tables(result: AnomalyScanResult) -> list[Table]:
    columns = ("kind", "severity", "account", "by", "group", "start", "end", "amount", "currency")
    rows = [
        (
            a.kind,
            a.severity,
            a.account,
            a.grouped_by,
            a.group,
            a.start,
            a.end,
            a.amount,
            a.currency,
            a.description,
            " ".join(a.offset_by),
        )
        for a in result.anomalies_detected
    ]
    tables = [Table("Anomalies", (*columns, "what", "offset by"), rows)]
    parts = [
        (a.account, a.group, a.start, part.dimension, part.value, part.impact, f"{part.share:.0%}")
        for a in result.anomalies_detected
        for part in a.contributors
    ]
    if parts:
        named = ("account", "group", "start", "dimension", "value", "impact", "share")
        tables.append(Table("Causes", named, parts))
    if result.focus is not None:
        tables.append(
            Table("FOCUS rules", ("rule", "rows"), list(result.focus.failed_rules.items()))
        )
    return tables
