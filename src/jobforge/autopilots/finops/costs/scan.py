"""Cost and usage scanning as the job reports it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from jobforge.autopilots.finops.billing.anomalies import BillingAnomaly
from jobforge.autopilots.finops.costs.grouping import ALL, column_of, grouped
from jobforge.autopilots.finops.costs.report_models import (
    CostForecast,
    DetectedAnomaly,
    MovedPart,
)
from jobforge.core.context import Row
from jobforge.core.errors import SourceMalformed

if TYPE_CHECKING:
    from jobforge.autopilots.finops.costs.daily import DailyCosts
    from jobforge.autopilots.finops.costs.model import CostAnomaly

Measure = Literal["cost", "usage"]
MIN_SHARE = 0.25
_NEXT_STEP = {
    "spike": "Look at what the named parts did on these days.",
    "level_shift": "Find the change that began on the first day; accept it as known, or undo it.",
    "drift": "Look for growth without a limit: logs, snapshots, retries, scaling rules.",
    "new_service": "Check who started it and whether it has a budget.",
    "vanished_service": "Check that it was meant to stop, and that nothing depends on it.",
}


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """What to scan for; `days` is the time range and the length of the forecast."""

    scan_type: Literal["cost", "usage", "both"]
    days: int
    sensitivity: Literal["low", "medium", "high"]
    min_amount: float
    group_by: tuple[str, ...]
    with_forecast: bool
    known_changes: Sequence[Mapping[str, Any]] = ()
    feedback: Sequence[Mapping[str, Any]] = ()
    reference: date | None = None


@dataclass(slots=True)
class CostScan:
    """What was found; `series` is the total cost by day, up to `last_day`."""

    last_day: date
    anomalies: list[DetectedAnomaly] = field(default_factory=list)
    series: list[float] = field(default_factory=list)
    suppressed: int = 0
    forecast: CostForecast | None = None


def scan_costs(rows: list[Row], settings: ScanSettings) -> CostScan:
    """Scan FOCUS rows by each grouping, for cost and for usage.

    Raises:
        SourceMalformed: no rows, or usage asked for where no row has a quantity.
    """
    from jobforge.autopilots.finops.costs.daily import to_daily_costs

    if not rows:
        raise SourceMalformed("there are no cost rows")
    scan = CostScan(date.min)
    for measure in _measures(rows, settings):
        for group in settings.group_by:
            costs = to_daily_costs(grouped(rows, group), by=column_of(group), measure=measure)
            scan.last_day = costs.first + timedelta(days=costs.table.shape[1] - 1)
            scan.anomalies += _find(costs, (measure, group), settings, scan)
            if measure == "cost" and not scan.series:
                scan.series = costs.table.sum(axis=0).tolist()
    if settings.with_forecast and scan.series:
        scan.forecast = _forecast(scan.series, settings.days)
    return scan


def _measures(rows: list[Row], settings: ScanSettings) -> list[Measure]:
    has_usage = any(row.get("ConsumedQuantity") not in (None, "") for row in rows)
    match settings.scan_type:
        case "cost":
            return ["cost"]
        case "usage":
            if not has_usage:
                raise SourceMalformed("no row has a ConsumedQuantity: there is no usage to scan")
            return ["usage"]
        case "both":
            return ["cost", "usage"] if has_usage else ["cost"]


def _find(
    costs: DailyCosts, what: tuple[Measure, str], settings: ScanSettings, scan: CostScan
) -> list[DetectedAnomaly]:
    from jobforge.autopilots.finops.costs.alerts import split_known, with_groups
    from jobforge.autopilots.finops.costs.find import Z_SCORES, Thresholds, find_all

    measure, group = what
    floor = settings.min_amount if measure == "cost" else 0.0
    reference = settings.reference or scan.last_day
    limits = Thresholds(Z_SCORES[settings.sensitivity], floor, MIN_SHARE)
    since = reference - timedelta(days=settings.days - 1)
    found = find_all(costs, limits, feedback=settings.feedback)
    recent = [a for a in found if since <= a.end and a.start <= reference]
    kept, known = split_known(recent, settings.known_changes)
    scan.suppressed += len(known)
    return [_from_cost(a, measure, group, costs) for a in with_groups(kept)]


def _from_cost(
    anomaly: CostAnomaly, measure: Measure, group: str, costs: DailyCosts
) -> DetectedAnomaly:
    unit = costs.currency if measure == "cost" else "units"
    what = _name(anomaly)
    more = "more" if anomaly.impact > 0 else "less"
    return DetectedAnomaly(
        kind=anomaly.kind,
        measure=measure,
        severity=_severity(anomaly),
        account=anomaly.account,
        grouped_by=group,
        group=anomaly.service,
        start=anomaly.start,
        end=anomaly.end,
        amount=anomaly.impact,
        currency=costs.currency if measure == "cost" else None,
        expected=anomaly.expected,
        actual=anomaly.actual,
        description=f"{anomaly.kind.replace('_', ' ').capitalize()} of {what}: "
        f"{abs(anomaly.impact)} {unit} {more} than expected from {anomaly.start}.",
        contributors=tuple(
            MovedPart(dimension=c.dimension, value=c.value, impact=c.impact, share=c.share)
            for c in anomaly.contributors
        ),
        offset_by=anomaly.offset_by,
        alert=anomaly.group,
        next_step=_NEXT_STEP[anomaly.kind],
    )


def _name(anomaly: CostAnomaly) -> str:
    """What the series is, in words."""
    if not anomaly.service.startswith(ALL):
        return anomaly.service
    return "everything" if anomaly.account == ALL else f"all services of {anomaly.account}"


def _severity(anomaly: CostAnomaly) -> Literal["low", "medium", "high", "critical"]:
    """By the impact in times of what was expected, and whether money is lost or saved."""
    if anomaly.impact < 0:
        return "low"
    times = anomaly.impact / anomaly.expected if anomaly.expected > 0 else Decimal(10)
    if times >= 3:  # noqa: PLR2004 (four times the expected cost)
        return "critical"
    return "high" if times >= 1 else "medium"


def from_billing(anomaly: BillingAnomaly) -> DetectedAnomaly:
    """A billing anomaly in the job's own form."""
    return DetectedAnomaly(
        kind=anomaly.kind,
        measure="billing",
        severity=anomaly.severity,
        account=anomaly.customer_id,
        group=None,
        start=None,
        end=None,
        amount=anomaly.amount,
        currency=anomaly.currency,
        expected=None,
        actual=None,
        description=anomaly.description,
        evidence=anomaly.event_ids,
        next_step=anomaly.next_step,
    )


def _forecast(series: list[float], days: int) -> CostForecast:
    import numpy as np

    from jobforge.autopilots.finops.costs.daily import to_money
    from jobforge.autopilots.finops.costs.forecast import forecast_total

    made = forecast_total(np.array(series), days)
    is_tried = made.low is not None and made.high is not None
    return CostForecast(
        next_period_estimate=to_money(made.estimate),
        confidence=made.coverage if is_tried else None,
        low=to_money(made.low) if made.low is not None else None,
        high=to_money(made.high) if made.high is not None else None,
        days=days,
        trials=made.trials,
    )
