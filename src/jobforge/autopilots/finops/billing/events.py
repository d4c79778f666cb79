"""Billing events of the finops module: read, cleaned by rule, in order of time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from jobforge.autopilots.finops.money import from_minor, parse_amount, parse_currency, parse_instant
from jobforge.core.context import Row
from jobforge.core.errors import SourceMalformed

EVENT_TYPES = frozenset(
    {
        "subscription_created",
        "subscription_updated",
        "subscription_cancelled",
        "invoice_paid",
        "invoice_failed",
        "invoice_refunded",
        "invoice_disputed",
        "usage_recorded",
        "payment_succeeded",
        "payment_failed",
        "refund_issued",
        "dispute_created",
        "dispute_won",
        "dispute_lost",
    }
)


@dataclass(frozen=True, slots=True)
class BillingEvent:
    """One event; `amount` is in major units of `currency`."""

    event_id: str
    event_type: str
    timestamp: datetime
    customer_id: str
    subscription_id: str | None = None
    invoice_id: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    plan_id: str | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None


@dataclass(frozen=True, slots=True)
class EventStream:
    """Events in order of time, and what was left out, with the rule that says so."""

    events: tuple[BillingEvent, ...]
    notes: tuple[str, ...]


def read_events(rows: Sequence[Row], *, tenant_names: Iterable[str] = ()) -> EventStream:
    """Read a stream of billing events; the order of the rows does not matter.

    Repeated events (same id, same content) count once; of several with the same id and different
    content the earliest counts. Events of another tenant than the one in `tenant_names` are left
    out. Each rule that left something out adds a note.

    Raises:
        SourceMalformed: no events, an event without id, type, time or customer, an amount without
            currency, or several tenants none of which is this one.
    """
    given = _unwrap(rows)
    if not given:
        raise SourceMalformed("the stream holds no billing events")
    notes: list[str] = []
    mine = _own_tenant(given, frozenset(tenant_names), notes)
    known = _known_types(mine, notes)
    events = _without_repeats([_parse(row, n) for n, row in known], notes)
    return EventStream(tuple(events), tuple(notes))


def _unwrap(rows: Sequence[Row]) -> list[Row]:
    """Events may come as a list, or as one document that holds the list."""
    if len(rows) == 1:
        for key in ("events", "billing_events", "normalized_events"):
            if isinstance(rows[0].get(key), list):
                return list(rows[0][key])
    return list(rows)


def _own_tenant(rows: list[Row], names: frozenset[str], notes: list[str]) -> list[Row]:
    tenants = Counter(str(row["tenant_id"]) for row in rows if row.get("tenant_id"))
    if len(tenants) <= 1:
        return rows
    own = sorted(names & set(tenants))
    if not own:
        raise SourceMalformed(f"events of several tenants, none of them this one: {set(tenants)}")
    foreign = sum(count for tenant, count in tenants.items() if tenant not in own)
    notes.append(f"{foreign} events of other tenants were left out.")
    return [row for row in rows if not row.get("tenant_id") or str(row["tenant_id"]) in own]


def _known_types(rows: list[Row], notes: list[str]) -> list[tuple[int, Row]]:
    unknown = Counter(
        str(row.get("event_type")) for row in rows if row.get("event_type") not in EVENT_TYPES
    )
    for name, count in sorted(unknown.items()):
        notes.append(f"{count} events of the unknown type {name} were left out.")
    return [(n, row) for n, row in enumerate(rows) if row.get("event_type") in EVENT_TYPES]


def _parse(row: Mapping[str, Any], index: int) -> BillingEvent:
    where = f"event {row.get('event_id') or index}"
    for field in ("event_id", "timestamp", "customer_id"):
        if not row.get(field):
            raise SourceMalformed(f"{where} has no {field}")
    currency = parse_currency(row["currency"], where=where) if row.get("currency") else None
    return BillingEvent(
        event_id=str(row["event_id"]),
        event_type=str(row["event_type"]),
        timestamp=parse_instant(row["timestamp"], where=where),
        customer_id=str(row["customer_id"]),
        subscription_id=_text(row.get("subscription_id")),
        invoice_id=_text(row.get("invoice_id")),
        amount=_amount(row.get("amount_cents"), currency, where),
        currency=currency,
        plan_id=_text(row.get("plan_id")),
        period_start=_instant(row.get("period_start"), where),
        period_end=_instant(row.get("period_end"), where),
    )


def _text(value: object) -> str | None:
    return None if value in (None, "") else str(value)


def _instant(value: object, where: str) -> datetime | None:
    return None if value in (None, "") else parse_instant(value, where=where)


def _amount(value: object, currency: str | None, where: str) -> Decimal | None:
    if value in (None, ""):
        return None
    units = parse_amount(value, where=f"{where}: amount_cents")
    if currency is None:
        raise SourceMalformed(f"{where} has an amount without a currency")
    if units != units.to_integral_value():
        raise SourceMalformed(f"{where}: amount_cents {value!r} is not a whole number")
    return from_minor(int(units), currency)


def _without_repeats(events: list[BillingEvent], notes: list[str]) -> list[BillingEvent]:
    kept: dict[str, BillingEvent] = {}
    repeats = conflicts = 0
    for event in sorted(events, key=lambda e: (e.timestamp, e.event_id)):
        first = kept.setdefault(event.event_id, event)
        if first is not event:
            repeats += first == event
            conflicts += first != event
    if repeats:
        notes.append(f"{repeats} repeated events were counted once.")
    if conflicts:
        notes.append(f"{conflicts} events reuse an id with other content; the earliest counts.")
    return list(kept.values())
