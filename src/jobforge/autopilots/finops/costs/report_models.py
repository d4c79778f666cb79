"""What an anomaly report is made of."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal

from jobforge.contract.manifest import ArtifactOutput
from jobforge.core.model import Model


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
    grouped_by: str | None = None
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


class FocusCheck(Model):
    """What the published rules of FOCUS say of the cost file, judged strictly.

    `failed_rules` names them with the number of rows that break each.
    """

    version: str
    rows: int
    passed: int
    failed: int
    not_judged: int
    failed_rules: dict[str, int]


class AnomalyScanResult(Model):
    """What is unusual, and what the next period will cost.

    `total_anomaly_amount` is the money of the grouping with the most, and of billing: the same
    money seen by service and by region counts once.
    """

    scan_type: str
    time_range: str
    anomalies_detected: tuple[DetectedAnomaly, ...]
    total_anomaly_count: int
    total_anomaly_amount: Decimal
    forecast: CostForecast | None
    reference_date: date
    focus: FocusCheck | None = None
    notes: tuple[str, ...] = ()
    outputs: tuple[ArtifactOutput, ...] = ()
