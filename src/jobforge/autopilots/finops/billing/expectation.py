"""One stream of billing events as two ledgers: what should have been paid, and what was."""

from __future__ import annotations

import calendar
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from jobforge.autopilots.finops.billing.events import BillingEvent
from jobforge.core.context import Row

PAIRING = timedelta(days=3)
"""Two announcements of one payment, refund or dispute are this close at most: webhooks of one
action are retried for up to three days (Stripe, webhook retry behaviour)."""
_REFUNDS = ("invoice_refunded", "refund_issued")
_DISPUTES = ("invoice_disputed", "dispute_created")


@dataclass(frozen=True, slots=True)
class EventLedgers:
    """Records for a reconciliation; `failures` counts failed attempts by reference."""

    expected: list[Row]
    actual: list[Row]
    failures: dict[str, int]


@dataclass(frozen=True, slots=True)
class Charge:
    """What one subscription owes for one of its periods."""

    subscription_id: str
    customer_id: str
    start: datetime
    end: datetime
    amount: Decimal
    currency: str


def split_events(
    events: Sequence[BillingEvent], *, period_start: datetime, period_end: datetime
) -> EventLedgers:
    """Expect subscriptions and invoices, find payments, refunds and disputes.

    A subscription owes its amount at the start of each of its periods that begins in
    [period_start, period_end], until it is cancelled. The invoice of that period is the same money,
    and `invoice_paid` and `payment_succeeded` for one invoice are one payment.
    """
    invoices = _invoices(events)
    charges = sorted(
        _charges(events, period_start, period_end), key=lambda c: (c.start, c.subscription_id)
    )
    taken: set[str] = set()
    due = [(charge, _invoice_of(charge, invoices, taken)) for charge in charges]
    expected = [_charge_record(charge, invoice) for charge, invoice in due]
    references = [
        (charge, str(record["reference"]))
        for (charge, _), record in zip(due, expected, strict=True)
    ]
    expected += [_invoice_record(event) for name, event in invoices.items() if name not in taken]
    found = (*_payments(events), *_adjustments(events))
    return EventLedgers(expected, [_refer(row, references) for row in found], _failures(events))


def _invoices(events: Sequence[BillingEvent]) -> dict[str, BillingEvent]:
    """The first event that states each invoice's amount."""
    invoices: dict[str, BillingEvent] = {}
    for event in events:
        stated = event.event_type in ("invoice_paid", "invoice_failed")
        if stated and event.invoice_id and event.amount is not None:
            invoices.setdefault(event.invoice_id, event)
    return invoices


def _charges(events: Sequence[BillingEvent], first: datetime, last: datetime) -> Iterator[Charge]:
    by_subscription: defaultdict[str, list[BillingEvent]] = defaultdict(list)
    for event in events:
        if event.subscription_id and event.event_type.startswith("subscription_"):
            by_subscription[event.subscription_id].append(event)
    for history in by_subscription.values():
        yield from _charges_of(history, first, last)


def _charges_of(
    history: Sequence[BillingEvent], first: datetime, last: datetime
) -> Iterator[Charge]:
    """Walk the subscription's periods; a change counts from the next period that begins."""
    cancelled = [e.timestamp for e in history if e.event_type == "subscription_cancelled"]
    states = [e for e in history if e.amount is not None and e.currency]
    if not states:
        return
    state = states[0]
    start = state.period_start or state.timestamp
    while start <= last and not any(moment <= start for moment in cancelled):
        for change in states:
            if change.timestamp <= start:
                state = change
        end = _next_period(start, state)
        if start >= first and state.amount and state.currency:
            yield Charge(
                state.subscription_id or "",
                state.customer_id,
                start,
                end,
                state.amount,
                state.currency,
            )
        start = end


def _next_period(start: datetime, state: BillingEvent) -> datetime:
    """Whole months where the stated period is whole months, else its length; a month if unknown."""
    if state.period_start is None or state.period_end is None:
        return _add_months(start, 1)
    begin, end = state.period_start, state.period_end
    months = (end.year - begin.year) * 12 + end.month - begin.month
    for count in (months, months + 1):
        # A period may be written with its last moment inclusive: up to 23:59:59.
        if count > 0 and timedelta(0) <= _add_months(begin, count) - end <= timedelta(seconds=1):
            return _add_months(start, count)
    return start + max(end - begin, timedelta(days=1))


def _add_months(moment: datetime, months: int) -> datetime:
    index = moment.year * 12 + moment.month - 1 + months
    year, month = divmod(index, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def _invoice_of(
    charge: Charge, invoices: dict[str, BillingEvent], taken: set[str]
) -> BillingEvent | None:
    """The subscription's first invoice of this period that no other charge has."""
    for name, event in invoices.items():
        if (
            event.subscription_id == charge.subscription_id
            and charge.start - PAIRING <= event.timestamp < charge.end
            and name not in taken
        ):
            taken.add(name)
            return event
    return None


def _charge_record(charge: Charge, invoice: BillingEvent | None) -> Row:
    name = f"{charge.subscription_id}@{charge.start:%Y-%m-%d}"
    return {
        "id": name,
        "date": invoice.timestamp if invoice else charge.start,
        "amount": charge.amount,
        "currency": charge.currency,
        "customer": charge.customer_id,
        "reference": (invoice.invoice_id if invoice else None) or name,
        "type": "subscription",
        "description": f"subscription {charge.subscription_id} from {charge.start:%Y-%m-%d}",
    }


def _invoice_record(event: BillingEvent) -> Row:
    return {
        "id": event.invoice_id,
        "date": event.timestamp,
        "amount": event.amount,
        "currency": event.currency,
        "customer": event.customer_id,
        "reference": event.invoice_id,
        "type": "invoice",
        "description": f"invoice {event.invoice_id}",
    }


def _payments(events: Sequence[BillingEvent]) -> Iterator[Row]:
    """Each payment once: `payment_succeeded`, or `invoice_paid` where no such event exists."""
    payments = [e for e in events if e.event_type == "payment_succeeded" and e.amount is not None]
    announced = [e for e in events if e.event_type == "invoice_paid" and e.amount is not None]
    named = {e.invoice_id for e in payments if e.invoice_id}
    unnamed = [e for e in payments if not e.invoice_id]
    linked: list[BillingEvent] = []
    for event in announced:
        if event.invoice_id in named:
            continue
        twin = next((p for p in unnamed if _is_same_payment(p, event)), None)
        if twin is not None:
            unnamed.remove(twin)
            linked.append(replace(twin, invoice_id=event.invoice_id))
        else:
            linked.append(event)
    for event in (*(e for e in payments if e.invoice_id), *unnamed, *linked):
        yield _actual_record(event, event.amount or Decimal(0), "payment")


def _is_same_payment(payment: BillingEvent, invoice: BillingEvent) -> bool:
    return (
        payment.customer_id == invoice.customer_id
        and payment.amount == invoice.amount
        and payment.currency == invoice.currency
        and payment.subscription_id in (None, invoice.subscription_id)
        and abs(payment.timestamp - invoice.timestamp) <= PAIRING
    )


def _adjustments(events: Sequence[BillingEvent]) -> Iterator[Row]:
    """Refunds and disputes take money back, a dispute that is won returns it."""
    for kind, words in (("refund", _REFUNDS), ("dispute", _DISPUTES)):
        for event in _once(events, words):
            yield _actual_record(event, -(event.amount or Decimal(0)), kind)
    disputed = {e.invoice_id or e.customer_id for e in events if e.event_type in _DISPUTES}
    for event in events:
        if event.amount is None:
            continue
        is_known = (event.invoice_id or event.customer_id) in disputed
        if event.event_type == "dispute_won" and is_known:
            yield _actual_record(event, event.amount, "dispute")
        elif event.event_type == "dispute_lost" and not is_known:
            yield _actual_record(event, -event.amount, "dispute")


def _once(events: Sequence[BillingEvent], types: tuple[str, str]) -> list[BillingEvent]:
    """Both event types announce the same action: a pair of them counts once."""
    first, second = (
        [e for e in events if e.event_type == name and e.amount is not None] for name in types
    )
    rest = list(second)
    for event in first:
        twin = next((e for e in rest if _is_same_adjustment(e, event)), None)
        if twin is not None:
            rest.remove(twin)
    return [*first, *rest]


def _is_same_adjustment(left: BillingEvent, right: BillingEvent) -> bool:
    return (
        left.customer_id == right.customer_id
        and left.amount == right.amount
        and (not left.invoice_id or not right.invoice_id or left.invoice_id == right.invoice_id)
        and abs(left.timestamp - right.timestamp) <= PAIRING
    )


def _actual_record(event: BillingEvent, amount: Decimal, kind: str) -> Row:
    return {
        "id": event.event_id,
        "date": event.timestamp,
        "amount": amount,
        "currency": event.currency,
        "customer": event.customer_id,
        "reference": event.invoice_id or None,
        "subscription": event.subscription_id,
        "type": kind,
        "description": " ".join(filter(None, (event.event_type, event.invoice_id))),
    }


def _refer(actual: Row, due: Sequence[tuple[Charge, str]]) -> Row:
    """A payment without an invoice belongs to its subscription's period that it lies in."""
    if actual["reference"] or not actual["subscription"]:
        return actual
    for charge, reference in due:
        inside = charge.start - PAIRING <= actual["date"] < charge.end
        if charge.subscription_id == actual["subscription"] and inside:
            return {**actual, "reference": reference}
    return actual


def _failures(events: Sequence[BillingEvent]) -> dict[str, int]:
    failures: defaultdict[str, int] = defaultdict(int)
    for event in events:
        if event.event_type in ("payment_failed", "invoice_failed"):
            failures[event.invoice_id or event.subscription_id or event.customer_id] += 1
    return dict(failures)
