"""The way with labels: a model learned from the history, calibrated, judged on a later time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from jobforge.autopilots.finops.churn.encoding import is_blank
from jobforge.autopilots.finops.churn.leakage import refuse_later_days
from jobforge.autopilots.finops.churn.model import ChurnModel, Reason
from jobforge.autopilots.finops.churn.report_models import (
    Assessment,
    AtRiskAccount,
    DriftedColumn,
    ModelQuality,
    RevenueAtRisk,
    RiskLevel,
    RiskReason,
    SurvivalStep,
)
from jobforge.autopilots.finops.churn.retention import advice_for
from jobforge.autopilots.finops.churn.settings import Settings
from jobforge.autopilots.finops.churn.snapshots import LabelledHistory, read_labels
from jobforge.autopilots.finops.churn.summaries import list_factors, list_segments
from jobforge.autopilots.finops.churn.views import (
    population_drift,
    revenue_at_risk,
    survival_curve,
)
from jobforge.autopilots.finops.money import parse_amount
from jobforge.core.context import Row
from jobforge.core.errors import SourceMalformed

HIGH_LIFT = 2.0
DRIFTED = 0.1
MAX_STEPS = 60


def assess_by_model(
    history: Sequence[Row], accounts: Sequence[Row] | None, *, settings: Settings, seed: int
) -> Assessment:
    """Learn from the history, score the accounts."""
    if not history:
        raise SourceMalformed("the history is empty: there is nothing to learn from")
    known = read_labels(history, settings.labels, known_until=settings.known_until)
    unused = (settings.id_column, settings.labels.snapshot, settings.labels.left_at)
    ignored = (*settings.exclude_columns, settings.labels.label, *(n for n in unused if n))
    if known.moments is None and settings.known_until is not None:
        refuse_later_days(known.rows, [settings.known_until] * len(known.rows), exclude=ignored)
    model = ChurnModel.fit(
        known.rows,
        known.left,
        seed=seed,
        exclude=ignored,
        moments=known.moments,
        horizon_days=settings.labels.horizon_days or 0,
    )
    left = known.left
    scored = known.present if accounts is None else accounts
    if not scored:
        raise SourceMalformed("there is no account to score")
    risks = model.predict(scored)
    order = sorted(range(len(scored)), key=lambda k: (-risks[k], str(_id(scored[k], settings, k))))
    base = sum(left) / len(left)
    top = order[:10_000]
    reasons = dict(zip(top, model.reasons_for([scored[k] for k in top]), strict=True))
    found = tuple(
        _account(scored[k], risks[k], base, reasons.get(k, []), settings, k) for k in order
    )
    return Assessment(
        method="calibrated_model",
        accounts=found,
        factors=list_factors(found),
        segments=list_segments(found),
        reference_date=settings.reference_date.date() if settings.reference_date else None,
        revenue=_revenue(found, risks=[a.risk for a in found]),
        quality=ModelQuality(
            **asdict(model.quality),
            split="random_folds" if model.judged_from is None else "by_time",
            judged_from=model.judged_from,
        ),
        survival=_survival(known.rows, left, settings),
        drift=_drift(model, known.rows, accounts),
        horizon_days=settings.labels.horizon_days,
        notes=(*known.notes, *_time_notes(known, settings)),
    )


def _time_notes(known: LabelledHistory, settings: Settings) -> tuple[str, ...]:
    if known.moments is None:
        return (
            "No snapshot_column: the quality is that of random folds, not of a later time, and the "
            "horizon of the label is not stated."
            if settings.labels.horizon_days is None
            else "No snapshot_column: the quality is that of random folds, not of a later time.",
        )
    return ()


def _id(row: Row, settings: Settings, at: int) -> str:
    value = row.get(settings.id_column)
    return str(at) if is_blank(value) else str(value)


def _account(
    row: Row, risk: float, base: float, reasons: Sequence[Reason], settings: Settings, at: int
) -> AtRiskAccount:
    raising = [r for r in reasons if r.raises_risk]
    mrr = row.get(settings.mrr_column) if settings.mrr_column else None
    return AtRiskAccount(
        account_id=_id(row, settings, at),
        risk=risk,
        level=_level_of(risk, base),
        segment=_segment_of(row, settings),
        mrr=None if is_blank(mrr) else parse_amount(mrr, where=f"account {at}: mrr"),
        reasons=tuple(
            RiskReason(factor=r.column, text=f"{r.column} is {r.value}", weight=r.contribution)
            for r in raising
        ),
        recommendation=advice_for(raising[0].column) if raising else None,
    )


def _level_of(risk: float, base: float) -> RiskLevel:
    """Twice the share who left is high, that share medium."""
    if risk >= min(HIGH_LIFT * base, 0.5):
        return "high"
    return "medium" if risk >= base else "low"


def _segment_of(row: Row, settings: Settings) -> str:
    column = settings.segment_column or settings.segment_by
    for name, value in row.items():
        if name.casefold() == column.casefold() and not is_blank(value):
            return str(value)
    return "(none)"


def _revenue(accounts: Sequence[AtRiskAccount], *, risks: Sequence[float]) -> RevenueAtRisk | None:
    known = [(p, a.mrr) for p, a in zip(risks, accounts, strict=True) if a.mrr is not None]
    if not known:
        return None
    amount, low, high = revenue_at_risk([p for p, _ in known], [mrr for _, mrr in known])
    return RevenueAtRisk(amount=amount, low=low, high=high)


def _survival(
    history: Sequence[Row], left: Sequence[bool], settings: Settings
) -> tuple[SurvivalStep, ...]:
    if settings.tenure_column is None:
        return ()
    known = [
        (float(parse_amount(row[settings.tenure_column], where="tenure")), gone)
        for row, gone in zip(history, left, strict=True)
        if not is_blank(row.get(settings.tenure_column))
    ]
    if not known:
        raise SourceMalformed(f"no customer has a {settings.tenure_column}")
    curve = survival_curve([t for t, _ in known], [gone for _, gone in known])
    thin = curve[:: max(1, len(curve) // MAX_STEPS)]
    return tuple(SurvivalStep(time=p.time, survival=p.survival, at_risk=p.at_risk) for p in thin)


def _drift(
    model: ChurnModel, history: Sequence[Row], accounts: Sequence[Row] | None
) -> tuple[DriftedColumn, ...]:
    if accounts is None:
        return ()
    moved = population_drift(model.member.design.encoding, history, accounts)
    return tuple(
        DriftedColumn(column=name, stability_index=value)
        for name, value in moved.items()
        if value > DRIFTED
    )
