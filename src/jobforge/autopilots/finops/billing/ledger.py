"""The finops module's ledger: what its subscriptions and customers add up to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from jobforge.autopilots.finops.money import from_minor, parse_amount, parse_instant
from jobforge.core.context import Row
from jobforge.core.errors import SourceMalformed


@dataclass(frozen=True, slots=True)
class LedgerSubscription:
    """One subscription of a customer."""

    subscription_id: str
    plan_id: str
    status: str
    mrr: Decimal
    currency: str
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class LedgerCustomer:
    """One customer's standing; amounts in major units of `currency`."""

    customer_id: str
    currency: str
    subscriptions: tuple[LedgerSubscription, ...]
    stated_mrr: Decimal
    paid: Decimal
    refunded: Decimal
    disputed: Decimal
    failures: int
    last_payment_at: datetime | None
    last_invoice_at: datetime | None

    @property
    def active_mrr(self) -> Decimal:
        """The sum of the active subscriptions."""
        active = (s.mrr for s in self.subscriptions if s.status == "active")
        return sum(active, Decimal(0))


@dataclass(frozen=True, slots=True)
class Ledger:
    """All customers, and the moment the ledger was computed, if it says so."""

    customers: tuple[LedgerCustomer, ...]
    computed_at: datetime | None
    stated_mrr_cents: int | None


def read_ledger(rows: Sequence[Row]) -> Ledger:
    """Read a ledger: the module's document, or a list of its customers.

    Raises:
        SourceMalformed: no customers, or a customer without id or with an amount that is none.
    """
    document: Mapping[str, Any] = {}
    listed: list[Any] = list(rows)
    if len(rows) == 1 and isinstance(rows[0].get("customers"), Mapping | list):
        document = rows[0]
        held = document["customers"]
        listed = list(held.values()) if isinstance(held, Mapping) else list(held)
    customers = tuple(_customer(row, at) for at, row in enumerate(listed))
    if not customers:
        raise SourceMalformed("the ledger holds no customers")
    computed = document.get("computed_at")
    stated = document.get("total_mrr_cents")
    return Ledger(
        customers,
        parse_instant(computed, where="ledger: computed_at") if computed else None,
        int(stated) if isinstance(stated, int) else None,
    )


def _customer(row: Any, at: int) -> LedgerCustomer:  # noqa: ANN401 (whatever the document holds)
    if not isinstance(row, Mapping) or not row.get("customer_id"):
        raise SourceMalformed(f"ledger entry {at} has no customer_id")
    where = f"ledger customer {row['customer_id']}"
    subscriptions = tuple(_subscription(s, where) for s in row.get("subscriptions") or ())
    currency = subscriptions[0].currency if subscriptions else str(row.get("currency") or "USD")
    return LedgerCustomer(
        customer_id=str(row["customer_id"]),
        currency=currency,
        subscriptions=subscriptions,
        stated_mrr=_cents(row, "total_mrr_cents", currency, where),
        paid=_cents(row, "total_paid_cents", currency, where),
        refunded=_cents(row, "total_refunded_cents", currency, where),
        disputed=_cents(row, "total_disputed_cents", currency, where),
        failures=int(parse_amount(row.get("payment_failure_count_30d") or 0, where=where)),
        last_payment_at=_moment(row.get("last_payment_at"), where),
        last_invoice_at=_moment(row.get("last_invoice_at"), where),
    )


def _subscription(row: Mapping[str, Any], where: str) -> LedgerSubscription:
    currency = str(row.get("currency") or "USD")
    return LedgerSubscription(
        subscription_id=str(row.get("subscription_id")),
        plan_id=str(row.get("plan_id") or "unknown"),
        status=str(row.get("status") or "active"),
        mrr=_cents(row, "mrr_cents", currency, where),
        currency=currency,
        created_at=_moment(row.get("created_at"), where),
    )


def _cents(row: Mapping[str, Any], field: str, currency: str, where: str) -> Decimal:
    return from_minor(int(parse_amount(row.get(field) or 0, where=f"{where}: {field}")), currency)


def _moment(value: object, where: str) -> datetime | None:
    return parse_instant(value, where=where) if value else None
