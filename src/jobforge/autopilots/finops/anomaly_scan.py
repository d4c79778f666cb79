"""`autopilot.finops.anomaly_scan`: unusual costs, usage and billing, with what caused them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, timedelta
from decimal import Decimal
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from jobforge.autopilots.finops.billing.anomalies import (
    BillingAnomaly,
    BillingThresholds,
    find_in_events,
    find_in_ledger,
)
from jobforge.autopilots.finops.billing.documents import read_document
from jobforge.autopilots.finops.billing.events import read_events
from jobforge.autopilots.finops.billing.ledger import read_ledger
from jobforge.autopilots.finops.costs.scan import (
    CostForecast,
    CostScan,
    DetectedAnomaly,
    GroupBy,
    ScanSettings,
    from_billing,
    scan_costs,
)
from jobforge.autopilots.finops.report_pages import Bars, Line, Page, Table, store_pages
from jobforge.contract.manifest import ArtifactOutput
from jobforge.core.context import JobContext, Row
from jobforge.core.data_source import DataSource, InlineRows, NamedDataset
from jobforge.core.errors import PayloadInvalid, SourceMalformed
from jobforge.core.job_type import JobType
from jobforge.core.model import Model

TimeRange = Literal["1d", "7d", "30d", "90d"]
DAYS: dict[TimeRange, int] = {"1d": 1, "7d": 7, "30d": 30, "90d": 90}
LISTED = 500
MODULE_ONLY = ("operation", "output", "finops_hooks", "max_retries", "timeout_seconds")
"""What the module sends for its own queue; limits of a run are the catalogue's."""


class AnomalyOptions(Model):
    """Floors, grouping and the forecast."""

    min_anomaly_amount: Decimal = Field(default=Decimal(10), ge=0)
    group_by: tuple[GroupBy, ...] = ("service",)
    include_forecast: bool = True


class SpikeThresholds(Model):
    """The finops module's limits for billing spikes."""

    refund_spike_threshold_cents: int = Field(default=100_000, ge=0)
    refund_spike_threshold_pct: Decimal = Field(default=Decimal(10), ge=0, le=100)
    dispute_spike_threshold: int = Field(default=5, ge=1)
    payment_failure_spike_threshold: Decimal = Field(default=Decimal("0.25"), ge=0, le=1)


class AnomalyScanPayload(Model):
    """What to scan. Without any source the dataset `costs` is scanned.

    `costs` are rows with FOCUS columns, `events_source` billing events and `ledger_source` a ledger
    of the finops module. Dates count back from `reference_date`, else from the data's last day.
    """

    scan_type: Literal["cost", "usage", "both"] = "both"
    time_range: TimeRange = "30d"
    sensitivity: Literal["low", "medium", "high"] = "medium"
    options: AnomalyOptions = AnomalyOptions()
    costs: DataSource | None = None
    events_source: DataSource | None = None
    ledger_source: DataSource | None = None
    known_changes: tuple[dict[str, Any], ...] = ()
    feedback: tuple[dict[str, Any], ...] = ()
    thresholds: SpikeThresholds = SpikeThresholds()
    reference_date: AwareDatetime | None = None

    def cost_source(self) -> DataSource | None:
        """Where cost rows come from, if they are asked for."""
        if self.costs is not None or self.events_source or self.ledger_source:
            return self.costs
        return NamedDataset(name="costs")


class AnomalyScanResult(Model):
    """What is unusual, and what the next period will cost."""

    scan_type: str
    time_range: str
    anomalies_detected: tuple[DetectedAnomaly, ...]
    total_anomaly_count: int
    total_anomaly_amount: Decimal
    forecast: CostForecast | None
    reference_date: date
    notes: tuple[str, ...] = ()
    outputs: tuple[ArtifactOutput, ...] = ()


async def handle(payload: AnomalyScanPayload, context: JobContext) -> AnomalyScanResult:
    """Scan each source that was given, then report."""
    found: list[DetectedAnomaly] = []
    notes: list[str] = []
    days: list[date] = []
    scan: CostScan | None = None
    source = payload.cost_source()
    if source is not None:
        rows = await _cost_rows(source, context)
        await context.progress(0.2, f"{len(rows)} cost rows")
        scan = scan_costs(rows, _settings(payload))
        found += scan.anomalies
        days.append(scan.last_day)
    for billing, last in await _scan_billing(payload, context, notes):
        found += [from_billing(anomaly) for anomaly in billing]
        days.append(last)
    await context.progress(0.8, f"{len(found)} anomalies")
    money = (abs(a.amount) for a in found if a.measure != "usage")
    result = AnomalyScanResult(
        scan_type=payload.scan_type,
        time_range=payload.time_range,
        anomalies_detected=tuple(sorted(found, key=_weight)),
        total_anomaly_count=len(found),
        total_anomaly_amount=sum(money, Decimal(0)),
        forecast=scan.forecast if scan else None,
        reference_date=max(days),
        notes=tuple(notes),
    )
    return await _store(result, scan, context)


async def _cost_rows(source: DataSource, context: JobContext) -> list[Row]:
    """Rows carried by the payload as they are; a file summed by day, whatever its size."""
    if isinstance(source, InlineRows):
        return await context.data.rows(source)
    from jobforge.autopilots.finops.costs.files import read_cost_file

    return read_cost_file(await context.data.file(source))


def _settings(payload: AnomalyScanPayload) -> ScanSettings:
    reference = payload.reference_date
    return ScanSettings(
        scan_type=payload.scan_type,
        days=DAYS[payload.time_range],
        sensitivity=payload.sensitivity,
        min_amount=float(payload.options.min_anomaly_amount),
        group_by=payload.options.group_by,
        with_forecast=payload.options.include_forecast,
        known_changes=payload.known_changes,
        feedback=payload.feedback,
        reference=reference.astimezone(UTC).date() if reference else None,
    )


def _weight(anomaly: DetectedAnomaly) -> tuple[Decimal, str, str]:
    return -abs(anomaly.amount), anomaly.kind, anomaly.account or ""


async def _scan_billing(
    payload: AnomalyScanPayload, context: JobContext, notes: list[str]
) -> list[tuple[list[BillingAnomaly], date]]:
    asked = payload.thresholds
    limits = BillingThresholds(
        refund_cents=asked.refund_spike_threshold_cents,
        refund_share=asked.refund_spike_threshold_pct / 100,
        disputes=asked.dispute_spike_threshold,
        failure_rate=asked.payment_failure_spike_threshold,
    )
    found = []
    if payload.events_source is not None:
        rows = await context.data.rows(payload.events_source)
        names = (context.job.tenant_slug, str(context.job.tenant_id))
        stream = read_events(rows, tenant_names=names)
        notes += stream.notes
        reference = payload.reference_date or max(e.timestamp for e in stream.events)
        anomalies = find_in_events(stream.events, reference=reference, thresholds=limits)
        found.append((anomalies, reference.astimezone(UTC).date()))
    if payload.ledger_source is not None:
        ledger = read_ledger(await read_document(payload.ledger_source, context))
        moment = payload.reference_date or ledger.computed_at
        if moment is None:
            raise SourceMalformed(
                "the ledger does not say when it was computed",
                hint="give reference_date: dates never count from today",
            )
        anomalies = find_in_ledger(ledger, reference=moment, thresholds=limits)
        found.append((anomalies, moment.astimezone(UTC).date()))
    return found


async def _store(
    result: AnomalyScanResult, scan: CostScan | None, context: JobContext
) -> AnomalyScanResult:
    report = await context.artifacts.put(
        f"finops-anomaly-{context.job.job_id}.json",
        result.model_dump_json(indent=2, exclude={"outputs"}).encode(),
        kind="anomaly_scan_report",
        mime_type="application/json",
    )
    table = Table(
        "Anomalies",
        ("kind", "severity", "account", "group", "start", "end", "amount", "currency", "what"),
        [
            (
                a.kind,
                a.severity,
                a.account,
                a.group,
                a.start,
                a.end,
                a.amount,
                a.currency,
                a.description,
            )
            for a in result.anomalies_detected
        ],
    )
    page = _page(result, scan, table)
    pages = await store_pages(context, "finops-anomaly", "anomaly", page)
    return result.model_copy(
        update={
            "anomalies_detected": result.anomalies_detected[:LISTED],
            "outputs": (report, *pages),
        }
    )


def _page(result: AnomalyScanResult, scan: CostScan | None, table: Table) -> Page:
    facts: list[tuple[str, object]] = [
        ("Reference date", result.reference_date),
        ("Anomalies", result.total_anomaly_count),
        ("Money concerned", result.total_anomaly_amount),
    ]
    parts: list[Table | Bars | Line] = [table]
    if result.forecast is not None:
        facts.append(("Next period", result.forecast.next_period_estimate))
    if result.anomalies_detected:
        bars = [
            (f"{a.account or ''} {a.group or a.kind}", float(a.amount))
            for a in result.anomalies_detected[:12]
        ]
        parts.insert(0, Bars("Largest anomalies", bars))
    if scan is not None and scan.series:
        first = scan.last_day - timedelta(days=len(scan.series) - 1)
        marks = [(a.start - first).days for a in result.anomalies_detected if a.start]
        parts.insert(0, Line("Cost by day", scan.series, str(first), str(scan.last_day), marks))
    return Page("Anomaly scan", facts, parts)


def translate(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """The finops module's payload as ours; ours comes back untouched.

    The module's `output` paths are dropped: reports are stored as artifacts.
    """
    if "operation" not in payload:
        return payload
    if payload["operation"] != "anomaly_scan":
        raise PayloadInvalid("this is not an anomaly_scan payload", pointer="/operation")
    kept = {key: value for key, value in payload.items() if key not in MODULE_ONLY}
    if "ledger_path" in kept:
        kept["ledger_source"] = {"type": "file", "path": kept.pop("ledger_path"), "format": "json"}
    return kept


def _sources(payload: AnomalyScanPayload) -> tuple[DataSource, ...]:
    given = (payload.cost_source(), payload.events_source, payload.ledger_source)
    return tuple(source for source in given if source is not None)


ANOMALY_SCAN = JobType(
    name="autopilot.finops.anomaly_scan",
    title="Find unusual costs, usage and billing",
    domain="finops",
    payload=AnomalyScanPayload,
    result=AnomalyScanResult,
    scopes=frozenset({"finops:read"}),
    timeout=timedelta(seconds=300),
    handle=handle,
    translate=translate,
    sources=_sources,
    examples=(
        {
            "time_range": "30d",
            "events_source": [
                {
                    "event_id": "evt_1",
                    "event_type": "payment_succeeded",
                    "timestamp": "2026-01-05T09:00:00Z",
                    "customer_id": "cus_1",
                    "invoice_id": "in_1",
                    "amount_cents": 4900,
                    "currency": "EUR",
                },
                {
                    "event_id": "evt_2",
                    "event_type": "payment_succeeded",
                    "timestamp": "2026-01-06T11:30:00Z",
                    "customer_id": "cus_1",
                    "invoice_id": "in_1",
                    "amount_cents": 4900,
                    "currency": "EUR",
                },
                {
                    "event_id": "evt_3",
                    "event_type": "invoice_paid",
                    "timestamp": "2026-01-05T09:00:05Z",
                    "customer_id": "cus_1",
                    "invoice_id": "in_1",
                    "amount_cents": 4900,
                    "currency": "EUR",
                },
            ],
        },
        {"scan_type": "cost", "time_range": "90d", "costs": "costs"},
    ),
)
