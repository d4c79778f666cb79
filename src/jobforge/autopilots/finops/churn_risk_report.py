"""`autopilot.finops.churn_risk_report`: who is about to leave, why, and what it would cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal

from pydantic import AwareDatetime, Field, model_validator

from jobforge.autopilots.finops.billing.documents import read_document
from jobforge.autopilots.finops.churn.examples import PAYLOADS
from jobforge.autopilots.finops.churn.pages import store_report
from jobforge.autopilots.finops.churn.report_models import (
    Assessment,
    ChurnRiskResult,
    RiskLevel,
    RiskSegments,
)
from jobforge.autopilots.finops.churn.signals import SignalName
from jobforge.core.context import JobContext
from jobforge.core.data_source import DataSource, NamedDataset
from jobforge.core.errors import PayloadInvalid
from jobforge.core.job_type import JobType
from jobforge.core.model import Model

MODULE_ONLY = ("operation", "output", "finops_hooks", "max_retries", "timeout_seconds")
_SETTINGS = {
    "analysis_period_days",
    "segment_by",
    "segment_column",
    "id_column",
    "mrr_column",
    "tenure_column",
    "exclude_columns",
    "reference_date",
}
_ORDER: tuple[RiskLevel, ...] = ("low", "medium", "high")


class ChurnOptions(Model):
    """How much to show."""

    include_at_risk_accounts: bool = True
    include_retention_recommendations: bool = True
    max_accounts_in_report: int = Field(default=1000, ge=10, le=10_000)


class SignalWeights(Model):
    """Weights of the signals where there are no labels; the module's own."""

    payment_failure: Decimal = Field(default=Decimal("0.30"), ge=0, le=1)
    usage_drop: Decimal = Field(default=Decimal("0.25"), ge=0, le=1)
    support_tickets: Decimal = Field(default=Decimal("0.20"), ge=0, le=1)
    plan_downgrade: Decimal = Field(default=Decimal("0.15"), ge=0, le=1)
    inactivity: Decimal = Field(default=Decimal("0.10"), ge=0, le=1)

    def by_signal(self) -> dict[SignalName, Decimal]:
        """The weights by the signals' own names."""
        return {
            "payment_failures": self.payment_failure,
            "usage_drop": self.usage_drop,
            "support_tickets": self.support_tickets,
            "plan_downgrade": self.plan_downgrade,
            "inactivity": self.inactivity,
        }


class SignalSources(Model):
    """The finops module's inputs."""

    ledger: DataSource
    usage_metrics: DataSource | None = None
    support_tickets: DataSource | None = None
    plan_downgrades: DataSource | None = None


class ChurnRiskPayload(Model):
    """Labelled customers, or the module's inputs, or purchases.

    With `history` and `label_column` a calibrated model is learned and `accounts` are scored
    (without them, the customers of the history who have not left). With `inputs` rule signals are
    weighed; with `purchases` (customer, date) silence is weighed by BG/NBD. Without any, the
    dataset `accounts` with the column `churned` is the history. Dates count back from
    `reference_date`, never from today.
    """

    analysis_period_days: int = Field(default=30, ge=7, le=365)
    segment_by: Literal["plan", "usage", "tenure", "custom"] = "plan"
    segment_column: str | None = None
    risk_threshold: RiskLevel = "medium"
    options: ChurnOptions = ChurnOptions()
    history: DataSource | None = None
    accounts: DataSource | None = None
    label_column: str = "churned"
    snapshot_column: str | None = Field(
        default=None, description="The day a row of the history describes; the split goes by it."
    )
    left_at_column: str | None = Field(
        default=None, description="The day of leaving, blank for who stays; replaces the label."
    )
    horizon_days: int | None = Field(
        default=None, ge=1, le=1095, description="The label means: left within so many days."
    )
    id_column: str = "customer_id"
    mrr_column: str | None = None
    tenure_column: str | None = None
    exclude_columns: tuple[str, ...] = ()
    inputs: SignalSources | None = None
    purchases: DataSource | None = None
    weights: SignalWeights = SignalWeights()
    reference_date: AwareDatetime | None = None

    @model_validator(mode="after")
    def _is_one_way(self) -> ChurnRiskPayload:
        ways = [w for w in (self.history, self.inputs, self.purchases) if w is not None]
        if len(ways) > 1:
            raise ValueError("give one of history, inputs and purchases")
        if self.segment_by == "custom" and not self.segment_column:
            raise ValueError("segment_by custom needs segment_column")
        if self.left_at_column and not (self.snapshot_column and self.horizon_days):
            raise ValueError("left_at_column needs snapshot_column and horizon_days")
        return self

    def labelled(self) -> DataSource:
        """Where labelled customers come from."""
        return self.history or NamedDataset(name="accounts")


async def handle(payload: ChurnRiskPayload, context: JobContext) -> ChurnRiskResult:
    """Assess by the way the payload gives data for, then report."""
    assessment = await _assess(payload, context)
    await context.progress(0.8, f"{len(assessment.accounts)} accounts assessed")
    result = _to_result(payload, assessment)
    outputs = tuple(await store_report(result, context))
    return result.model_copy(update={"outputs": outputs})


async def _assess(payload: ChurnRiskPayload, context: JobContext) -> Assessment:
    from jobforge.autopilots.finops.churn.assess import assess_by_model
    from jobforge.autopilots.finops.churn.assess_purchases import assess_by_purchases
    from jobforge.autopilots.finops.churn.assess_signals import assess_by_signals
    from jobforge.autopilots.finops.churn.settings import Settings
    from jobforge.autopilots.finops.churn.snapshots import LabelColumns

    read = context.data.rows
    shared = payload.model_dump(include=_SETTINGS)
    labels = LabelColumns(
        label=payload.label_column,
        customer=payload.id_column,
        snapshot=payload.snapshot_column,
        left_at=payload.left_at_column,
        horizon_days=payload.horizon_days,
    )
    settings = Settings(**shared, labels=labels, weights=payload.weights.by_signal())
    if payload.inputs is not None:
        sources = payload.inputs
        optional = [sources.usage_metrics, sources.support_tickets, sources.plan_downgrades]
        usage, tickets, downgrades = [await read(s) if s else [] for s in optional]
        return assess_by_signals(
            await read_document(sources.ledger, context),
            usage=usage,
            tickets=tickets,
            downgrades=downgrades,
            settings=settings,
        )
    if payload.purchases is not None:
        return assess_by_purchases(await read(payload.purchases), settings=settings)
    history = await read(payload.labelled())
    await context.progress(0.1, f"{len(history)} labelled customers")
    accounts = await read(payload.accounts) if payload.accounts is not None else None
    return assess_by_model(history, accounts, settings=settings, seed=context.seed)


def _to_result(payload: ChurnRiskPayload, found: Assessment) -> ChurnRiskResult:
    least = _ORDER.index(payload.risk_threshold)
    at_risk = [a for a in found.accounts if _ORDER.index(a.level) >= least]
    levels = Counter(account.level for account in found.accounts)
    options = payload.options
    advice = dict.fromkeys(factor.recommendation for factor in found.factors)
    return ChurnRiskResult(
        analysis_period_days=payload.analysis_period_days,
        total_accounts_analyzed=len(found.accounts),
        risk_segments=RiskSegments(high=levels["high"], medium=levels["medium"], low=levels["low"]),
        at_risk_accounts=tuple(at_risk[: options.max_accounts_in_report])
        if options.include_at_risk_accounts
        else (),
        risk_factors=found.factors,
        retention_recommendations=tuple(advice)
        if options.include_retention_recommendations
        else (),
        method=found.method,
        is_calibrated=found.method == "calibrated_model",
        reference_date=found.reference_date,
        horizon_days=found.horizon_days,
        revenue_at_risk=found.revenue,
        segments=found.segments,
        quality=found.quality,
        survival=found.survival,
        drift=found.drift,
        notes=found.notes,
    )


def translate(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """The finops module's payload as ours; ours comes back untouched.

    The module's `output` paths are dropped: reports are stored as artifacts.
    """
    if "operation" not in payload:
        return payload
    if payload["operation"] != "churn_risk_report":
        raise PayloadInvalid("this is not a churn_risk_report payload", pointer="/operation")
    return {key: value for key, value in payload.items() if key not in MODULE_ONLY}


def _sources(payload: ChurnRiskPayload) -> tuple[DataSource, ...]:
    if payload.inputs is not None:
        given = payload.inputs
        found = (given.ledger, given.usage_metrics, given.support_tickets, given.plan_downgrades)
        return tuple(source for source in found if source is not None)
    if payload.purchases is not None:
        return (payload.purchases,)
    return tuple(s for s in (payload.labelled(), payload.accounts) if s is not None)


CHURN_RISK_REPORT = JobType(
    name="autopilot.finops.churn_risk_report",
    title="See which customers are about to leave, and why",
    domain="finops",
    payload=ChurnRiskPayload,
    result=ChurnRiskResult,
    scopes=frozenset({"finops:read"}),
    timeout=timedelta(seconds=300),
    handle=handle,
    translate=translate,
    sources=_sources,
    examples=PAYLOADS,
)
