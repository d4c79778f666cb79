"""The way without labels: rule signals, weighed; the score ranks and is no probability."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from jobforge.autopilots.finops.billing.ledger import read_ledger
from jobforge.autopilots.finops.churn.report_models import Assessment, AtRiskAccount, RiskReason
from jobforge.autopilots.finops.churn.retention import advice_for
from jobforge.autopilots.finops.churn.settings import Settings, level_of_rank
from jobforge.autopilots.finops.churn.signals import SignalInputs, SignalScore, score_signals
from jobforge.autopilots.finops.churn.summaries import list_factors, list_segments
from jobforge.core.context import Row
from jobforge.core.errors import SourceMalformed


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
        factors=list_factors(found),
        segments=list_segments(found),
        reference_date=reference.astimezone(UTC).date(),
        notes=("The score ranks accounts; it is no probability of leaving.",),
    )


def _by_signals(score: SignalScore, settings: Settings) -> AtRiskAccount:
    tenure = "unknown" if score.tenure_days is None else f"{score.tenure_days // 90 * 90}+ days"
    segment = tenure if settings.segment_by == "tenure" else score.plan
    return AtRiskAccount(
        account_id=score.customer_id,
        risk=score.score,
        level=level_of_rank(score.score),
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
