"""Three ways to the same report: a learned model, rule signals, purchase histories."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal

from jobforge.autopilots.finops.billing.ledger import read_ledger
from jobforge.autopilots.finops.churn.encoding import is_blank
from jobforge.autopilots.finops.churn.model import ChurnModel, Reason, is_true
from jobforge.autopilots.finops.churn.report_models import (
    Assessment,
    AtRiskAccount,
    DriftedColumn,
    ModelQuality,
    RevenueAtRisk,
    RiskFactor,
    RiskLevel,
    RiskReason,
    SegmentRisk,
    SurvivalStep,
)
from jobforge.autopilots.finops.churn.retention import advice_for
from jobforge.autopilots.finops.churn.signals import (
    SignalInputs,
    SignalName,
    SignalScore,
    score_signals,
)
from jobforge.autopilots.finops.churn.views import (
    population_drift,
    revenue_at_risk,
    survival_curve,
)
from jobforge.autopilots.finops.money import parse_amount, parse_instant
from jobforge.core.context import Row
from jobforge.core.errors import InvalidInput, SourceMalformed

HIGH_SIGNAL, MEDIUM_SIGNAL = 0.5, 0.3
"""The finops module's limits of 50 and 30 points of 100."""
HIGH_LIFT = 2.0
DRIFTED = 0.1
MAX_STEPS = 60
WEEK_DAYS = 7.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What the payload says about how to assess."""

    analysis_period_days: int
    segment_by: str
    segment_column: str | None
    label_column: str
    id_column: str
    mrr_column: str | None
    tenure_column: str | None
    exclude_columns: tuple[str, ...]
    weights: Mapping[SignalName, Decimal]
    reference_date: datetime | None


def assess_by_model(
    history: Sequence[Row], accounts: Sequence[Row] | None, *, settings: Settings, seed: int
) -> Assessment:
    """Learn from the history, score the accounts."""
    if not history:
        raise SourceMalformed("the history is empty: there is nothing to learn from")
    label = settings.label_column
    if not any(label in row for row in history):
        raise SourceMalformed(f"the history has no column {label!r}; label_column names another")
    ignored = (*settings.exclude_columns, settings.id_column)
    model = ChurnModel.fit(history, label, seed=seed, exclude=ignored)
    left = [is_true(row.get(label), at) for at, row in enumerate(history)]
    scored = accounts
    if scored is None:
        scored = [row for row, gone in zip(history, left, strict=True) if not gone]
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
        factors=_factors(found),
        segments=_segments(found),
        reference_date=settings.reference_date.date() if settings.reference_date else None,
        revenue=_revenue(found, risks=[a.risk for a in found]),
        quality=ModelQuality(**asdict(model.quality)),
        survival=_survival(history, left, settings),
        drift=_drift(model, history, accounts),
    )


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


def _factors(accounts: Iterable[AtRiskAccount]) -> tuple[RiskFactor, ...]:
    weights: defaultdict[str, list[float]] = defaultdict(list)
    for account in accounts:
        if account.level != "low":
            for reason in account.reasons:
                weights[reason.factor].append(reason.weight)
    factors = [
        RiskFactor(
            factor=name,
            accounts=len(values),
            weight=sum(values) / len(values),
            recommendation=advice_for(name),
        )
        for name, values in weights.items()
    ]
    return tuple(sorted(factors, key=lambda f: (-f.accounts * f.weight, f.factor)))


def _segments(accounts: Iterable[AtRiskAccount]) -> tuple[SegmentRisk, ...]:
    risks: defaultdict[str, list[float]] = defaultdict(list)
    for account in accounts:
        risks[account.segment].append(account.risk)
    found = [
        SegmentRisk(segment=name, accounts=len(values), mean_risk=sum(values) / len(values))
        for name, values in risks.items()
    ]
    return tuple(sorted(found, key=lambda s: (-s.mean_risk, s.segment))[:100])


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


def assess_by_signals(
    ledger_rows: Sequence[Row],
    *,
    usage: Sequence[Row],
    tickets: Sequence[Row],
    downgrades: Sequence[Row],
    settings: Settings,
) -> Assessment:
    """Weigh rule signals; the score ranks accounts and is labelled uncalibrated."""
    ledger = read_ledger(ledger_rows)
    reference = settings.reference_date or ledger.computed_at
    if reference is None:
        raise SourceMalformed(
            "the ledger does not say when it was computed",
            hint="give reference_date: dates never count from today",
        )
    inputs = SignalInputs(
        usage, tickets, downgrades, reference, settings.analysis_period_days, settings.weights
    )
    scores = score_signals(ledger, inputs)
    found = tuple(_by_signals(score, settings) for score in scores)
    return Assessment(
        method="rule_signals",
        accounts=found,
        factors=_factors(found),
        segments=_segments(found),
        reference_date=reference.astimezone(UTC).date(),
        notes=("The score ranks accounts; it is no probability of leaving.",),
    )


def _by_signals(score: SignalScore, settings: Settings) -> AtRiskAccount:
    level: RiskLevel = "low"
    if score.score >= MEDIUM_SIGNAL:
        level = "high" if score.score >= HIGH_SIGNAL else "medium"
    tenure = "unknown" if score.tenure_days is None else f"{score.tenure_days // 90 * 90}+ days"
    segment = tenure if settings.segment_by == "tenure" else score.plan
    return AtRiskAccount(
        account_id=score.customer_id,
        risk=score.score,
        level=level,
        segment=segment,
        mrr=score.mrr,
        reasons=tuple(
            RiskReason(
                factor=signal.name,
                text=signal.evidence,
                weight=signal.strength * float(settings.weights[signal.name]),
            )
            for signal in score.signals
        ),
        recommendation=advice_for(score.signals[0].name) if score.signals else None,
    )


def assess_by_purchases(rows: Sequence[Row], *, settings: Settings) -> Assessment:
    """Weigh silence by BG/NBD: 1 - P(alive), labelled uncalibrated."""
    from jobforge.autopilots.finops.churn.bg_nbd import fit_bg_nbd

    days: defaultdict[str, set[int]] = defaultdict(set)
    for at, row in enumerate(rows):
        if is_blank(row.get(settings.id_column)):
            raise SourceMalformed(f"purchase {at} has no {settings.id_column}")
        moment = parse_instant(row.get("date"), where=f"purchase {at}: date")
        days[str(row[settings.id_column])].add(moment.toordinal())
    if not days:
        raise SourceMalformed("there are no purchases")
    last = max(max(bought) for bought in days.values())
    end = settings.reference_date.toordinal() if settings.reference_date else last
    if end < last:
        raise InvalidInput("there are purchases after reference_date; leave them out")
    names = [name for name, bought in sorted(days.items()) if min(bought) < end]
    spans = [(sorted(days[name]), end) for name in names]
    frequency = [float(len(bought) - 1) for bought, _ in spans]
    recency = [(bought[-1] - bought[0]) / WEEK_DAYS for bought, _ in spans]
    age = [(stop - bought[0]) / WEEK_DAYS for bought, stop in spans]
    model = fit_bg_nbd(frequency, recency, age)
    gone = (1 - model.alive(frequency, recency, age)).tolist()
    found = tuple(
        sorted(
            (
                _silent(name, risk, end - bought[-1], len(bought))
                for name, risk, (bought, _) in zip(names, gone, spans, strict=True)
            ),
            key=lambda a: (-a.risk, a.account_id),
        )
    )
    return Assessment(
        method="bg_nbd",
        accounts=found,
        factors=_factors(found),
        segments=_segments(found),
        reference_date=datetime.fromordinal(end).date(),
        notes=(
            f"BG/NBD in weeks: r {model.r:.3f}, alpha {model.alpha:.3f}, "
            f"a {model.a:.3f}, b {model.b:.3f}.",
            "Customers with one purchase only are taken as alive by this model.",
        ),
    )


def _silent(name: str, risk: float, silent_days: int, purchases: int) -> AtRiskAccount:
    level: RiskLevel = "low"
    if risk >= MEDIUM_SIGNAL:
        level = "high" if risk >= HIGH_SIGNAL else "medium"
    text = f"{purchases} purchases, then {silent_days} days of silence"
    return AtRiskAccount(
        account_id=name,
        risk=risk,
        level=level,
        segment="repeat" if purchases > 1 else "once",
        mrr=None,
        reasons=(RiskReason(factor="silence", text=text, weight=risk),),
        recommendation=advice_for("silence"),
    )
