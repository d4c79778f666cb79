"""`autopilot.finops.anomaly_scan`: unusual costs, usage and billing, with what caused them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
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
from jobforge.autopilots.finops.costs.examples import PAYLOADS
from jobforge.autopilots.finops.costs.grouping import GroupBy, tags_of
from jobforge.autopilots.finops.costs.pages import store_report
from jobforge.autopilots.finops.costs.report_models import (
    AnomalyScanResult,
    DetectedAnomaly,
    FocusCheck,
)
from jobforge.autopilots.finops.costs.scan import (
    CostScan,
    ScanSettings,
    from_billing,
    scan_costs,
)
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


class KnownChange(Model):
    """An announced change: what begins from `start` to `end` there is expected, and left out."""

    start: date
    end: date | None = None
    account: str | None = None
    service: str | None = Field(default=None, description="The group's value: a service, a tag.")
    note: str | None = None


class AnomalyFeedback(Model):
    """An answer to an earlier alert; each no raises the limits of that series by half."""

    account: str
    service: str
    is_real: bool
    note: str | None = None


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
    known_changes: tuple[KnownChange, ...] = ()
    feedback: tuple[AnomalyFeedback, ...] = ()
    focus_version: Literal["1.0", "1.1", "1.2"] | None = Field(
        default=None, description="Judge the cost file by the rules of this version, too."
    )
    thresholds: SpikeThresholds = SpikeThresholds()
    reference_date: AwareDatetime | None = None

    def cost_source(self) -> DataSource | None:
        """Where cost rows come from, if they are asked for."""
        if self.costs is not None or self.events_source or self.ledger_source:
            return self.costs
        return NamedDataset(name="costs")


async def handle(payload: AnomalyScanPayload, context: JobContext) -> AnomalyScanResult:
    """Scan each source that was given, then report."""
    found: list[DetectedAnomaly] = []
    notes: list[str] = []
    days: list[date] = []
    scan: CostScan | None = None
    source = payload.cost_source()
    if source is not None:
        rows = await _cost_rows(source, payload, context)
        await context.progress(0.2, f"{len(rows)} cost rows")
        scan = scan_costs(rows, _settings(payload))
        found += scan.anomalies
        days.append(scan.last_day)
        if scan.suppressed:
            notes.append(f"{scan.suppressed} anomalies begin in a known change; left out.")
    for billing, last in await _scan_billing(payload, context, notes):
        found += [from_billing(anomaly) for anomaly in billing]
        days.append(last)
    await context.progress(0.8, f"{len(found)} anomalies")
    result = AnomalyScanResult(
        scan_type=payload.scan_type,
        time_range=payload.time_range,
        anomalies_detected=tuple(sorted(found, key=_weight)),
        total_anomaly_count=len(found),
        total_anomaly_amount=_money(found),
        forecast=scan.forecast if scan else None,
        reference_date=max(days),
        focus=await _focus(source, payload, context),
        notes=tuple(notes),
    )
    outputs = tuple(await store_report(result, scan, context))
    listed = result.anomalies_detected[:LISTED]
    return result.model_copy(update={"anomalies_detected": listed, "outputs": outputs})


def _money(found: Sequence[DetectedAnomaly]) -> Decimal:
    """The largest grouping's money and billing's: each grouping sees the same costs again."""
    sums: defaultdict[str | None, Decimal] = defaultdict(Decimal)
    for anomaly in found:
        if anomaly.measure != "usage":
            sums[anomaly.grouped_by] += abs(anomaly.amount)
    billing = sums.pop(None, Decimal(0))
    return billing + max(sums.values(), default=Decimal(0))


async def _cost_rows(
    source: DataSource, payload: AnomalyScanPayload, context: JobContext
) -> list[Row]:
    """Rows carried by the payload as they are; a file summed by day, whatever its size."""
    if isinstance(source, InlineRows):
        return await context.data.rows(source)
    from jobforge.autopilots.finops.costs.files import read_cost_file

    tags = tags_of(payload.options.group_by)
    return read_cost_file(await context.data.file(source), tags=tags)


async def _focus(
    source: DataSource | None, payload: AnomalyScanPayload, context: JobContext
) -> FocusCheck | None:
    if source is None or payload.focus_version is None:
        return None
    if isinstance(source, InlineRows):
        raise SourceMalformed("the rules of FOCUS judge a file; rows in the payload are none")
    from jobforge.autopilots.finops.validate_focus import validate_focus

    file = await context.data.file(source)
    report = validate_focus(file.path, version=payload.focus_version)
    failed = {r.rule: r.strict_violations for r in report.rules if r.strict_outcome == "fail"}
    passed = report.count("pass", strict=True)
    return FocusCheck(
        version=report.version,
        rows=report.rows,
        passed=passed,
        failed=len(failed),
        not_judged=len(report.rules) - passed - len(failed),
        failed_rules=failed,
    )


def _settings(payload: AnomalyScanPayload) -> ScanSettings:
    reference = payload.reference_date
    return ScanSettings(
        scan_type=payload.scan_type,
        days=DAYS[payload.time_range],
        sensitivity=payload.sensitivity,
        min_amount=float(payload.options.min_anomaly_amount),
        group_by=payload.options.group_by,
        with_forecast=payload.options.include_forecast,
        known_changes=[change.model_dump() for change in payload.known_changes],
        feedback=[answer.model_dump() for answer in payload.feedback],
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
    examples=PAYLOADS,
)
