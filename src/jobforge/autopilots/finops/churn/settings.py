"""How an assessment is asked for, and from when on a risk is high."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from jobforge.autopilots.finops.churn.report_models import RiskLevel
from jobforge.autopilots.finops.churn.signals import SignalName
from jobforge.autopilots.finops.churn.snapshots import LabelColumns

HIGH_SIGNAL, MEDIUM_SIGNAL = 0.5, 0.3
"""The finops module's limits of 50 and 30 points of 100."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the payload says about how to assess."""

    analysis_period_days: int
    segment_by: str
    segment_column: str | None
    labels: LabelColumns
    id_column: str
    mrr_column: str | None
    tenure_column: str | None
    exclude_columns: tuple[str, ...]
    weights: Mapping[SignalName, Decimal]
    reference_date: datetime | None

    @property
    def known_until(self) -> date | None:
        """The last day of which is known who left."""
        return self.reference_date.date() if self.reference_date else None


def level_of_rank(score: float) -> RiskLevel:
    """The level of a score that only ranks."""
    if score >= HIGH_SIGNAL:
        return "high"
    return "medium" if score >= MEDIUM_SIGNAL else "low"
