"""What a churn report is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal

from jobforge.contract.manifest import ArtifactOutput
from jobforge.core.model import Model

RiskLevel = Literal["low", "medium", "high"]
Method = Literal["calibrated_model", "rule_signals", "bg_nbd"]


class RiskReason(Model):
    """One reason, in words; `weight` is its share of the score or its log-odds."""

    factor: str
    text: str
    weight: float


class AtRiskAccount(Model):
    """One account with why it may leave."""

    account_id: str
    risk: float
    level: RiskLevel
    segment: str
    mrr: Decimal | None
    reasons: tuple[RiskReason, ...]
    recommendation: str | None


class RiskSegments(Model):
    """Accounts by level."""

    high: int
    medium: int
    low: int


class RiskFactor(Model):
    """What raises the risk most often among the accounts; `weight` is its mean where it does."""

    factor: str
    accounts: int
    weight: float
    recommendation: str


class SegmentRisk(Model):
    """One segment's accounts and mean risk."""

    segment: str
    accounts: int
    mean_risk: float


class RevenueAtRisk(Model):
    """Expected monthly loss with its 95 % interval; only where risks are probabilities."""

    amount: Decimal
    low: Decimal
    high: Decimal


class ModelQuality(Model):
    """Measured on customers the judged fit had not seen.

    By time: on those from `judged_from` on, by what was known before; else on random folds.
    """

    customers: int
    leavers: int
    auc: float
    brier: float
    calibration_error: float
    top_decile_lift: float
    average_precision: float
    split: Literal["by_time", "random_folds"]
    judged_from: date | None = None


class SurvivalStep(Model):
    """Share still there after `time`."""

    time: float
    survival: float
    at_risk: int


class DriftedColumn(Model):
    """A column whose values have moved since the history (PSI above 0.1)."""

    column: str
    stability_index: float


@dataclass(frozen=True, slots=True)
class Assessment:
    """What any of the three ways finds."""

    method: Method
    accounts: tuple[AtRiskAccount, ...]
    factors: tuple[RiskFactor, ...]
    segments: tuple[SegmentRisk, ...]
    reference_date: date | None = None
    revenue: RevenueAtRisk | None = None
    quality: ModelQuality | None = None
    survival: tuple[SurvivalStep, ...] = ()
    drift: tuple[DriftedColumn, ...] = ()
    horizon_days: int | None = None
    notes: tuple[str, ...] = field(default=())


class ChurnRiskResult(Model):
    """Who is at risk. `is_calibrated` says whether the risk is a probability or only a rank."""

    analysis_period_days: int
    total_accounts_analyzed: int
    risk_segments: RiskSegments
    at_risk_accounts: tuple[AtRiskAccount, ...]
    risk_factors: tuple[RiskFactor, ...]
    retention_recommendations: tuple[str, ...]
    method: Method
    is_calibrated: bool
    reference_date: date | None
    horizon_days: int | None = None
    revenue_at_risk: RevenueAtRisk | None
    segments: tuple[SegmentRisk, ...]
    quality: ModelQuality | None
    survival: tuple[SurvivalStep, ...] = ()
    drift: tuple[DriftedColumn, ...] = ()
    notes: tuple[str, ...] = ()
    outputs: tuple[ArtifactOutput, ...] = ()
