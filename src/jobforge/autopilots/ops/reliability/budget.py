"""Error budgets and how fast they burn.

Source: Google, The Site Reliability Workbook, chapter 5, "Alerting on SLOs", table 5-8
(multi-window burn rates) and chapter 2 (error budget).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

BURN_WINDOWS: tuple[tuple[timedelta, timedelta, float, str], ...] = (
    (timedelta(hours=1), timedelta(minutes=5), 14.4, "page"),
    (timedelta(hours=6), timedelta(minutes=30), 6.0, "page"),
    (timedelta(days=3), timedelta(hours=6), 1.0, "ticket"),
)
"""Long window, short window, burn rate above which both must lie, and what to do."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Requests of one interval that ends at `at`."""

    at: datetime
    good: float
    total: float


@dataclass(frozen=True, slots=True)
class BurnRate:
    """How many times faster than allowed the budget burnt in the window before the period's end."""

    window: timedelta
    rate: float
    threshold: float
    alert: str | None


@dataclass(frozen=True, slots=True)
class BudgetReport:
    """One objective in the period; `remaining` is 1 if untouched, below 0 if overspent."""

    service: str
    objective: float
    good: float
    total: float
    attained: float | None
    remaining: float | None
    burn_rates: tuple[BurnRate, ...]
    exhausted_at: datetime | None


def budget_report(
    service: str, samples: Sequence[Sample], *, objective: float, begin: datetime, end: datetime
) -> BudgetReport:
    """Judge the samples in [begin, end) against `objective`, a share in (0, 1).

    Without requests nothing is attained and nothing remains known: both are None.
    """
    inside = sorted((s for s in samples if begin <= s.at < end), key=lambda s: s.at)
    good = sum(s.good for s in inside)
    total = sum(s.total for s in inside)
    allowed = 1.0 - objective
    attained = good / total if total else None
    remaining = None if attained is None else 1.0 - (1.0 - attained) / allowed
    return BudgetReport(
        service=service,
        objective=objective,
        good=good,
        total=total,
        attained=attained,
        remaining=remaining,
        burn_rates=tuple(_burn_rates(inside, allowed, end)),
        exhausted_at=_exhausted_at(inside, allowed * total),
    )


def _burn_rates(samples: Sequence[Sample], allowed: float, end: datetime) -> list[BurnRate]:
    rates = []
    for long, short, threshold, action in BURN_WINDOWS:
        slow, fast = (_burn(samples, allowed, end - window, end) for window in (long, short))
        if slow is None:
            continue
        burns = slow >= threshold and fast is not None and fast >= threshold
        rates.append(BurnRate(long, slow, threshold, action if burns else None))
    return rates


def _burn(
    samples: Sequence[Sample], allowed: float, begin: datetime, end: datetime
) -> float | None:
    inside = [s for s in samples if begin <= s.at < end]
    total = sum(s.total for s in inside)
    if not total:
        return None
    return (1.0 - sum(s.good for s in inside) / total) / allowed


def _exhausted_at(samples: Sequence[Sample], budget: float) -> datetime | None:
    """When the period's whole budget was spent, or None."""
    spent = 0.0
    for sample in samples:
        spent += sample.total - sample.good
        if budget and spent > budget:
            return sample.at
    return None
