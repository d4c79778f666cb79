"""Cost and usage scanning as the job reports it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from jobforge.autopilots.finops.billing.anomalies import BillingAnomaly
from jobforge.core.context import Row
from jobforge.core.errors import SourceMalformed
from jobforge.core.model import Model

if TYPE_CHECKING:
    from jobforge.autopilots.finops.costs.daily import DailyCosts
    from jobforge.autopilots.finops.costs.find import CostAnomaly

GroupBy = Literal["service", "region", "team", "feature"]
ScanMeasure = Literal["cost", "usage", "billing"]
_COLUMN: dict[GroupBy, str] = {
    "service": "ServiceName",
    "region": "RegionId",
    "team": "team",
    "feature": "feature",
}
MIN_SHARE = 0.25
_NEXT_STEP = {
    "spike": "Look at what the named parts did on these days.",
    "level_shift": "Find the change that began on the first day; accept it as known, or undo it.",
    "drift": "Look for growth without a limit: logs, snapshots, retries, scaling rules.",
    "new_service": "Check who started it and whether it has a budget.",
    "vanished_service": "Check that it was meant to stop, and that nothing depends on it.",
}


class MovedPart(Model):
    """A part of the cost that moved with the anomaly."""

    dimension: str
    value: str
    impact: Decimal
    share: float


class DetectedAnomaly(Model):
    """One anomaly of any kind; `amount` is its impact, signed for costs and usage."""

    kind: str
    measure: Literal["cost", "usage", "billing"]
    severity: Literal["low", "medium", "high", "critical"]
    account: str | None
    group: str | None
    start: date | None
    end: date | None
    amount: Decimal
    currency: str | None
    expected: Decimal | None
    actual: Decimal | None
    description: str
    contributors: tuple[MovedPart, ...] = ()
    offset_by: tuple[str, ...] = ()
    alert: str | None = None
    evidence: tuple[str, ...] = ()
    next_step: str


class CostForecast(Model):
    """The cost of the next period; `confidence` is how often the interval holds."""

    next_period_estimate: Decimal
    confidence: float | None
    low: Decimal | None
    high: Decimal | None
    days: int
    trials: int


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """What to scan for; `days` is the time range and the length of the forecast."""

    scan_type: Literal["cost", "usage", "both"]
    days: int
    sensitivity: Literal["low", "medium", "high"]
    min_amount: float
    group_by: tuple[GroupBy, ...]
    with_forecast: bool
    known_changes: tuple[Mapping[str, Any], ...] = ()
    feedback: tuple[Mapping[str, Any], ...] = ()
    reference: date | None = None


@dataclass(slots=True)
class CostScan:
    """What was found; `series` is the total cost by day, up to `last_day`."""

    last_day: date
    anomalies: list[DetectedAnomaly] = field(default_factory=list)
    series: list[float] = field(default_factory=list)
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
            costs = to_daily_costs(_grouped(rows, group), by=_COLUMN[group], measure=measure)
            scan.last_day = costs.first + timedelta(days=costs.table.shape[1] - 1)
            scan.anomalies += _find(costs, measure, settings, scan.last_day)
            if measure == "cost" and not scan.series:
                scan.series = costs.table.sum(axis=0).tolist()
    if settings.with_forecast and scan.series:
        scan.forecast = _forecast(scan.series, settings.days)
    return scan


def _measures(rows: list[Row], settings: ScanSettings) -> list[Literal["cost", "usage"]]:
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


def _grouped(rows: list[Row], group: GroupBy) -> list[Row]:
    """Rows with the team or feature of their tags as a column."""
    if group in ("service", "region"):
        return rows
    return [{group: _tags(row).get(group), **row} for row in rows]


def _tags(row: Row) -> Mapping[str, Any]:
    tags = row.get("Tags")
    if isinstance(tags, str) and tags.startswith("{"):
        try:
            tags = json.loads(tags)
        except ValueError:
            raise SourceMalformed(f"Tags is not JSON: {tags[:80]}") from None
    return tags if isinstance(tags, Mapping) else {}


def _find(
    costs: DailyCosts, measure: Literal["cost", "usage"], settings: ScanSettings, last_day: date
) -> list[DetectedAnomaly]:
    from jobforge.autopilots.finops.costs.find import Z_SCORES, Thresholds, find_in_daily_costs

    floor = settings.min_amount if measure == "cost" else 0.0
    reference = settings.reference or last_day
    found = find_in_daily_costs(
        costs,
        Thresholds(Z_SCORES[settings.sensitivity], floor, MIN_SHARE),
        known_changes=settings.known_changes,
        feedback=settings.feedback,
    )
    since = reference - timedelta(days=settings.days - 1)
    return [_from_cost(a, measure, costs) for a in found if since <= a.end and a.start <= reference]


def _from_cost(
    anomaly: CostAnomaly, measure: Literal["cost", "usage"], costs: DailyCosts
) -> DetectedAnomaly:
    unit = costs.currency if measure == "cost" else "units"
    more = "more" if anomaly.impact > 0 else "less"
    return DetectedAnomaly(
        kind=anomaly.kind,
        measure=measure,
        severity=_severity(anomaly),
        account=anomaly.account,
        group=anomaly.service,
        start=anomaly.start,
        end=anomaly.end,
        amount=anomaly.impact,
        currency=costs.currency if measure == "cost" else None,
        expected=anomaly.expected,
        actual=anomaly.actual,
        description=f"{anomaly.kind.replace('_', ' ').capitalize()} of {anomaly.service}: "
        f"{abs(anomaly.impact)} {unit} {more} than expected from {anomaly.start}.",
        contributors=tuple(
            MovedPart(dimension=c.dimension, value=c.value, impact=c.impact, share=c.share)
            for c in anomaly.contributors
        ),
        offset_by=anomaly.offset_by,
        alert=anomaly.group,
        next_step=_NEXT_STEP[anomaly.kind],
    )


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
