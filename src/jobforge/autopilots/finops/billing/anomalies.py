"""Billing anomalies: charged twice, not billed, refund, dispute and failure spikes, odd order."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from jobforge.autopilots.finops.billing.events import BillingEvent
from jobforge.autopilots.finops.billing.expectation import split_events
from jobforge.autopilots.finops.billing.ledger import Ledger, LedgerCustomer
from jobforge.core.context import Row

BillingKind = Literal[
    "double_charge",
    "missing_invoice",
    "refund_spike",
    "dispute_spike",
    "payment_failure_spike",
    "out_of_sequence",
    "duplicate_event",
    "mrr_discrepancy",
]
Severity = Literal["low", "medium", "high", "critical"]
WINDOW = timedelta(days=30)
REPEAT_WINDOW = timedelta(seconds=300)
MIN_ATTEMPTS = 3
"""One failed payment of one attempt is a rate of 100 % and says nothing."""
SPIKE_FACTOR = 2


@dataclass(frozen=True, slots=True)
class BillingThresholds:
    """From when on a spike is one; the module's own defaults."""

    refund_cents: int = 100_000
    refund_share: Decimal = Decimal("0.10")
    disputes: int = 5
    failure_rate: Decimal = Decimal("0.25")


@dataclass(frozen=True, slots=True)
class BillingAnomaly:
    """One finding with the events that show it; `amount` is the money at stake."""

    kind: BillingKind
    severity: Severity
    customer_id: str | None
    amount: Decimal
    currency: str | None
    description: str
    event_ids: tuple[str, ...]
    next_step: str


def find_in_events(
    events: Sequence[BillingEvent], *, reference: datetime, thresholds: BillingThresholds
) -> list[BillingAnomaly]:
    """Find anomalies in the 30 days up to `reference`; older events are what is usual.

    `invoice_paid` and `payment_succeeded` of one invoice are one payment, never a double charge.
    """
    recent = [e for e in events if reference - WINDOW < e.timestamp <= reference]
    known = [e for e in events if e.timestamp <= reference]
    return [
        *_double_charges(known, reference),
        *_missing_invoices(known, reference),
        *_spikes(known, reference, thresholds),
        *_failures(recent, thresholds),
        *_sequence(known),
        *_repeats(known),
    ]


def _double_charges(
    events: Sequence[BillingEvent], reference: datetime
) -> Iterator[BillingAnomaly]:
    ledgers = split_events(events, period_start=reference - WINDOW, period_end=reference)
    paid: defaultdict[tuple[str, str, Decimal], list[Row]] = defaultdict(list)
    for row in ledgers.actual:
        if row["type"] == "payment" and row["reference"]:
            paid[str(row["reference"]), str(row["currency"]), row["amount"]].append(row)
    for (name, currency, amount), rows in sorted(paid.items()):
        if len(rows) > 1:
            yield BillingAnomaly(
                "double_charge",
                "critical",
                str(rows[0]["customer"]),
                amount * (len(rows) - 1),
                currency,
                f"{name} was paid {len(rows)} times, {currency} {amount} each.",
                tuple(str(row["id"]) for row in rows),
                "Check the charges with the payment provider and refund what was taken twice.",
            )


def _missing_invoices(
    events: Sequence[BillingEvent], reference: datetime
) -> Iterator[BillingAnomaly]:
    ledgers = split_events(events, period_start=reference - WINDOW, period_end=reference)
    billed = {str(row["reference"]) for row in ledgers.actual}
    for row in ledgers.expected:
        name = str(row["reference"])
        is_unbilled = row["type"] == "subscription" and name == row["id"]
        if is_unbilled and name not in billed:
            yield BillingAnomaly(
                "missing_invoice",
                "medium",
                str(row["customer"]),
                row["amount"],
                str(row["currency"]),
                f"No invoice and no payment for {row['description']}.",
                (),
                "Bill the period, or cancel the subscription if it has ended.",
            )


def _spikes(
    known: Sequence[BillingEvent], reference: datetime, thresholds: BillingThresholds
) -> Iterator[BillingAnomaly]:
    ledgers = split_events(known, period_start=reference - WINDOW, period_end=reference)
    since = reference - WINDOW
    months = _months(known, since)
    for currency in sorted({str(row["currency"]) for row in ledgers.actual}):
        rows = [row for row in ledgers.actual if row["currency"] == currency]
        now = [row for row in rows if row["date"] > since]
        earlier = [row for row in rows if row["date"] <= since]
        revenue = sum((row["amount"] for row in now if row["type"] == "payment"), Decimal(0))
        refunds, total = _taken(now, "refund")
        usual = _taken(earlier, "refund")[1] / months
        limit = Decimal(thresholds.refund_cents) / 100
        is_large = total >= limit and total > thresholds.refund_share * revenue
        if is_large and total > SPIKE_FACTOR * usual:
            yield _spike("refund_spike", total, currency, refunds, revenue, usual)
        disputes, disputed = _taken(now, "dispute")
        before = len(_taken(earlier, "dispute")[0]) / months
        limit = max(Decimal(thresholds.disputes), SPIKE_FACTOR * before)
        if len(disputes) >= limit:
            yield _spike("dispute_spike", disputed, currency, disputes, revenue, before)


def _taken(rows: Sequence[Row], kind: str) -> tuple[list[Row], Decimal]:
    """The records of this kind that took money back, and how much."""
    taken = [row for row in rows if row["type"] == kind and row["amount"] < 0]
    return taken, -sum((row["amount"] for row in taken), Decimal(0))


def _months(known: Sequence[BillingEvent], since: datetime) -> Decimal:
    """Months of history before the window, at least one."""
    first = min((e.timestamp for e in known), default=since)
    return max(Decimal(1), Decimal((since - first).days) / 30)


def _spike(
    kind: BillingKind,
    total: Decimal,
    currency: str,
    rows: Sequence[Row],
    revenue: Decimal,
    usual: Decimal,
) -> BillingAnomaly:
    word = kind.split("_", maxsplit=1)[0]
    share = f"{total / revenue:.1%} of the payments" if revenue else "without any payment"
    return BillingAnomaly(
        kind,
        "critical" if revenue and total > revenue / 5 else "high",
        None,
        total,
        currency,
        f"{len(rows)} {word}s of {currency} {total} in 30 days, {share}; usual is {usual:.2f}.",
        tuple(str(row["id"]) for row in rows),
        f"Look for a common cause of the {word}s: product, period, payment method.",
    )


def _failures(
    recent: Sequence[BillingEvent], thresholds: BillingThresholds
) -> Iterator[BillingAnomaly]:
    failed: defaultdict[str, list[BillingEvent]] = defaultdict(list)
    paid: Counter[str] = Counter()
    for event in recent:
        if event.event_type == "payment_failed":
            failed[event.customer_id].append(event)
        paid[event.customer_id] += event.event_type in ("payment_succeeded", "invoice_paid")
    for customer, events in sorted(failed.items()):
        attempts = len(events) + paid[customer]
        rate = Decimal(len(events)) / attempts
        if attempts >= MIN_ATTEMPTS and rate >= thresholds.failure_rate:
            yield BillingAnomaly(
                "payment_failure_spike",
                "critical" if rate > Decimal("0.5") else "high",
                customer,
                sum((e.amount for e in events if e.amount), Decimal(0)),
                next((e.currency for e in events if e.currency), None),
                f"{len(events)} of {attempts} payment attempts failed in 30 days.",
                tuple(e.event_id for e in events),
                "Ask the customer for a working payment method.",
            )


def _sequence(events: Sequence[BillingEvent]) -> Iterator[BillingAnomaly]:
    """A life that begins with its end: cancelled before created, refunded before paid."""
    created: dict[str, BillingEvent] = {}
    paid: dict[str, BillingEvent] = {}
    ends: list[tuple[BillingEvent, str, str]] = []
    for event in events:
        if event.event_type == "subscription_created" and event.subscription_id:
            created.setdefault(event.subscription_id, event)
        if event.event_type in ("invoice_paid", "payment_succeeded") and event.invoice_id:
            paid.setdefault(event.invoice_id, event)
        if event.event_type == "subscription_cancelled" and event.subscription_id:
            ends.append((event, event.subscription_id, "cancelled before it was created"))
        if event.event_type in ("invoice_refunded", "refund_issued") and event.invoice_id:
            ends.append((event, event.invoice_id, "refunded before it was paid"))
    for event, name, what in ends:
        start = created.get(name) or paid.get(name)
        if start is not None and start.timestamp > event.timestamp:
            yield BillingAnomaly(
                "out_of_sequence",
                "medium",
                event.customer_id,
                event.amount or Decimal(0),
                event.currency,
                f"{name} was {what}.",
                (event.event_id, start.event_id),
                "Check the clock and the order of delivery of the event source.",
            )


def _repeats(events: Sequence[BillingEvent]) -> Iterator[BillingAnomaly]:
    """The same thing said twice within five minutes under different ids."""
    last: dict[tuple[object, ...], BillingEvent] = {}
    for event in events:
        key = (
            event.event_type,
            event.customer_id,
            event.subscription_id,
            event.invoice_id,
            event.amount,
        )
        before = last.get(key)
        if before is not None and event.timestamp - before.timestamp <= REPEAT_WINDOW:
            yield BillingAnomaly(
                "duplicate_event",
                "low",
                event.customer_id,
                Decimal(0),
                event.currency,
                f"{event.event_type} was sent twice within five minutes.",
                (before.event_id, event.event_id),
                "Make the event source send each event under one id.",
            )
        last[key] = event


def find_in_ledger(
    ledger: Ledger, *, reference: datetime, thresholds: BillingThresholds
) -> list[BillingAnomaly]:
    """Find what a ledger alone shows: sums that don't add up, unpaid subscriptions, spikes."""
    found: list[BillingAnomaly] = []
    for customer in ledger.customers:
        found += _of_customer(customer, reference, thresholds)
    if ledger.stated_mrr_cents is not None:
        added = sum((c.active_mrr for c in ledger.customers), Decimal(0))
        stated = Decimal(ledger.stated_mrr_cents) / 100
        if added != stated and len({c.currency for c in ledger.customers}) == 1:
            found.append(_mrr(None, stated, added, ledger.customers[0].currency))
    return found


def _of_customer(
    customer: LedgerCustomer, reference: datetime, thresholds: BillingThresholds
) -> Iterator[BillingAnomaly]:
    if customer.active_mrr != customer.stated_mrr:
        yield _mrr(
            customer.customer_id, customer.stated_mrr, customer.active_mrr, customer.currency
        )
    limit = Decimal(thresholds.refund_cents) / 100
    for kind, total in (("refund_spike", customer.refunded), ("dispute_spike", customer.disputed)):
        if total >= limit and total > thresholds.refund_share * customer.paid:
            yield BillingAnomaly(
                "refund_spike" if kind == "refund_spike" else "dispute_spike",
                "high",
                customer.customer_id,
                total,
                customer.currency,
                f"{customer.currency} {total} taken back against {customer.paid} paid.",
                (),
                "Look at the customer's history for the cause.",
            )
    last = max(filter(None, (customer.last_payment_at, customer.last_invoice_at)), default=None)
    is_silent = last is None or reference - last > WINDOW + timedelta(days=5)
    if customer.active_mrr > 0 and customer.paid == 0 and is_silent:
        yield BillingAnomaly(
            "missing_invoice",
            "medium",
            customer.customer_id,
            customer.active_mrr,
            customer.currency,
            "Active subscriptions, and neither a payment nor an invoice in 35 days.",
            (),
            "Bill the subscriptions, or cancel them if they have ended.",
        )
    if customer.failures >= MIN_ATTEMPTS:
        yield BillingAnomaly(
            "payment_failure_spike",
            "high",
            customer.customer_id,
            customer.active_mrr,
            customer.currency,
            f"{customer.failures} failed payments in 30 days.",
            (),
            "Ask the customer for a working payment method.",
        )


def _mrr(customer: str | None, stated: Decimal, added: Decimal, currency: str) -> BillingAnomaly:
    return BillingAnomaly(
        "mrr_discrepancy",
        "medium",
        customer,
        abs(stated - added),
        currency,
        f"The ledger states {currency} {stated} a month; its active subscriptions are {added}.",
        (),
        "Compute the ledger anew from its events.",
    )
