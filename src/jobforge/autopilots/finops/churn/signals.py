"""Signs of leaving without labels: failures, falling usage, support load, downgrade, silence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from jobforge.autopilots.finops.billing.ledger import Ledger, LedgerCustomer
from jobforge.autopilots.finops.money import parse_amount, parse_instant
from jobforge.core.context import Row
from jobforge.core.errors import SourceMalformed

SignalName = Literal[
    "payment_failures", "usage_drop", "support_tickets", "plan_downgrade", "inactivity"
]
WEIGHTS: dict[SignalName, Decimal] = {
    "payment_failures": Decimal("0.30"),
    "usage_drop": Decimal("0.25"),
    "support_tickets": Decimal("0.20"),
    "plan_downgrade": Decimal("0.15"),
    "inactivity": Decimal("0.10"),
}
"""The finops module's own weights."""
FULL_FAILURES = 3
FULL_TICKETS = 4
_SEVERITY = {"low": 0.5, "medium": 1.0, "high": 2.0, "critical": 3.0}


@dataclass(frozen=True, slots=True)
class Signal:
    """One sign: `strength` in [0, 1], weighted into the score, with what shows it."""

    name: SignalName
    strength: float
    evidence: str


@dataclass(frozen=True, slots=True)
class SignalScore:
    """A customer's score in [0, 1]: ranks customers, and is no probability."""

    customer_id: str
    score: float
    signals: tuple[Signal, ...]
    mrr: Decimal
    currency: str
    plan: str
    tenure_days: int | None


@dataclass(frozen=True, slots=True)
class SignalInputs:
    """What is known besides the ledger; dates count back from `reference`."""

    usage: Sequence[Row]
    tickets: Sequence[Row]
    downgrades: Sequence[Row]
    reference: datetime
    period_days: int
    weights: Mapping[SignalName, Decimal]


def score_signals(ledger: Ledger, inputs: SignalInputs) -> list[SignalScore]:
    """Score every customer of the ledger, the likeliest leavers first.

    Signals without data count as absent, never as good: their weight is left out of the mean.
    """
    usage = _by_customer(inputs.usage, "usage metric")
    tickets = _by_customer(inputs.tickets, "support ticket")
    downgrades = _by_customer(inputs.downgrades, "plan downgrade")
    known: set[SignalName] = {"payment_failures", "inactivity"}
    known |= {"usage_drop"} if inputs.usage else set()
    known |= {"support_tickets"} if inputs.tickets else set()
    known |= {"plan_downgrade"} if inputs.downgrades else set()
    total = sum((inputs.weights[name] for name in known), Decimal(0))
    if not total:
        raise SourceMalformed("every signal that there is data for has the weight 0")
    scores = []
    for customer in ledger.customers:
        name = customer.customer_id
        signals = (
            _failures(customer),
            _usage_drop(usage.get(name, ())),
            _support(tickets.get(name, ()), inputs),
            _downgrade(downgrades.get(name, ()), inputs),
            _inactivity(customer, inputs),
        )
        found = tuple(signal for signal in signals if signal is not None and signal.strength > 0)
        weighted = sum(float(inputs.weights[s.name]) * s.strength for s in found)
        scores.append(_score(customer, weighted / float(total), found, inputs.reference))
    return sorted(scores, key=lambda s: (-s.score, s.customer_id))


def _score(
    customer: LedgerCustomer, score: float, signals: tuple[Signal, ...], reference: datetime
) -> SignalScore:
    since = [s.created_at for s in customer.subscriptions if s.created_at]
    plans = [s.plan_id for s in customer.subscriptions if s.status == "active"]
    return SignalScore(
        customer_id=customer.customer_id,
        score=min(score, 1.0),
        signals=tuple(sorted(signals, key=lambda s: (-s.strength, s.name))),
        mrr=customer.active_mrr,
        currency=customer.currency,
        plan=plans[0] if plans else "none",
        tenure_days=(reference - min(since)).days if since else None,
    )


def _by_customer(rows: Sequence[Row], what: str) -> dict[str, list[Row]]:
    grouped: defaultdict[str, list[Row]] = defaultdict(list)
    for at, row in enumerate(rows):
        if not row.get("customer_id"):
            raise SourceMalformed(f"{what} {at} has no customer_id")
        grouped[str(row["customer_id"])].append(row)
    return grouped


def _failures(customer: LedgerCustomer) -> Signal | None:
    if not customer.failures:
        return None
    strength = min(customer.failures / FULL_FAILURES, 1.0)
    return Signal("payment_failures", strength, f"{customer.failures} failed payments in 30 days")


def _usage_drop(rows: Sequence[Row]) -> Signal | None:
    """The largest fall of any metric."""
    worst: tuple[float, str] | None = None
    for row in rows:
        before = _number(row, "previous_value")
        now = _number(row, "current_value")
        if before > 0 and now < before:
            fall = (before - now) / before
            what = f"{row.get('metric_name', 'usage')} fell from {before:g} to {now:g}"
            worst = max(worst or (0.0, ""), (fall, what))
    return Signal("usage_drop", worst[0], worst[1]) if worst else None


def _number(row: Row, field: str) -> float:
    return float(parse_amount(row.get(field), where=f"usage metric: {field}"))


def _support(rows: Sequence[Row], inputs: SignalInputs) -> Signal | None:
    recent = [row for row in rows if _is_recent(row, "created_at", inputs)]
    load = sum(_SEVERITY.get(str(row.get("severity")), 1.0) for row in recent)
    if not recent:
        return None
    return Signal(
        "support_tickets",
        min(load / FULL_TICKETS, 1.0),
        f"{len(recent)} support tickets in {inputs.period_days} days",
    )


def _downgrade(rows: Sequence[Row], inputs: SignalInputs) -> Signal | None:
    recent = [row for row in rows if _is_recent(row, "changed_at", inputs)]
    if not recent:
        return None
    last = recent[-1]
    return Signal("plan_downgrade", 1.0, f"from {last.get('from_plan')} to {last.get('to_plan')}")


def _inactivity(customer: LedgerCustomer, inputs: SignalInputs) -> Signal | None:
    moments = [m for m in (customer.last_payment_at, customer.last_invoice_at) if m is not None]
    if not moments:
        return None
    silent = (inputs.reference - max(moments)).days
    if silent <= inputs.period_days:
        return None
    strength = min((silent - inputs.period_days) / (2 * inputs.period_days), 1.0)
    return Signal("inactivity", strength, f"no payment or invoice for {silent} days")


def _is_recent(row: Mapping[str, Any], field: str, inputs: SignalInputs) -> bool:
    moment = parse_instant(row.get(field), where=field)
    start = inputs.reference - timedelta(days=inputs.period_days)
    return start <= moment <= inputs.reference
