"""What raises the risk most often, and which segments bear it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from jobforge.autopilots.finops.churn.report_models import AtRiskAccount, RiskFactor, SegmentRisk
from jobforge.autopilots.finops.churn.retention import advice_for

MAX_SEGMENTS = 100


def list_factors(accounts: Iterable[AtRiskAccount]) -> tuple[RiskFactor, ...]:
    """Reasons of the accounts whose risk is not low, the weightiest first."""
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


def list_segments(accounts: Iterable[AtRiskAccount]) -> tuple[SegmentRisk, ...]:
    """Segments by mean risk, at most a hundred."""
    risks: defaultdict[str, list[float]] = defaultdict(list)
    for account in accounts:
        risks[account.segment].append(account.risk)
    found = [
        SegmentRisk(segment=name, accounts=len(values), mean_risk=sum(values) / len(values))
        for name, values in risks.items()
    ]
    return tuple(sorted(found, key=lambda s: (-s.mean_risk, s.segment))[:MAX_SEGMENTS])
