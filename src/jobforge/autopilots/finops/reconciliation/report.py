"""A reconciliation as the job reports it: summary, discrepancies with their records, totals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pydantic import AwareDatetime  # noqa: TC002 (pydantic reads it at run time)

from jobforge.autopilots.finops.money import FxTable, round_to_minor
from jobforge.autopilots.finops.reconciliation.changes import Changes
from jobforge.autopilots.finops.reconciliation.model import (
    ControlTotal,
    Difference,
    DifferenceKind,
    Reconciliation,
    Record,
    SideName,
)
from jobforge.contract.manifest import ArtifactOutput
from jobforge.core.errors import InvalidInput
from jobforge.core.model import Model


class ReconciledPeriod(Model):
    """Both ends included."""

    start: AwareDatetime
    end: AwareDatetime


class ReconcileSummary(Model):
    """Sums in `currency`; `variance` is actual minus expected, its percentage of expected.

    `within_tolerance` holds where both the variance and the sum of all differences without their
    signs lie within `tolerance_percent` of expected: differences that cancel out do not pass.
    """

    currency: str
    total_expected: Decimal
    total_actual: Decimal
    variance: Decimal
    variance_percent: Decimal | None
    within_tolerance: bool
    matches: int
    discrepancies: int


class Discrepancy(Model):
    """One difference with the records of both sides."""

    kind: DifferenceKind
    expected_ids: tuple[str, ...]
    actual_ids: tuple[str, ...]
    amount: Decimal
    currency: str
    explanation: str
    confidence: float
    next_step: str
    expected_records: tuple[dict[str, Any], ...] = ()
    actual_records: tuple[dict[str, Any], ...] = ()


class AutoResolved(Model):
    """A deviation within the tolerance, taken as equal, and why."""

    expected_ids: tuple[str, ...]
    actual_ids: tuple[str, ...]
    amount: Decimal
    currency: str
    reason: str


class SideTotal(Model):
    """One side in one currency: matched + unmatched = input, out_of_period comes on top."""

    side: SideName
    currency: str
    input: Decimal
    matched: Decimal
    unmatched: Decimal
    out_of_period: Decimal
    records: int
    matched_records: int


class ReconcileResult(Model):
    """What agrees, what does not, and the totals that prove nothing was lost.

    Days are those of `time_zone`.
    """

    period: ReconciledPeriod
    time_zone: str
    sources_reconciled: tuple[str, ...]
    summary: ReconcileSummary
    discrepancies: tuple[Discrepancy, ...]
    auto_resolved: tuple[AutoResolved, ...]
    control_totals: tuple[SideTotal, ...]
    by_kind: dict[str, int]
    changes: Changes | None = None
    notes: tuple[str, ...] = ()
    outputs: tuple[ArtifactOutput, ...] = ()


def summarise(
    found: Reconciliation,
    *,
    tolerance_percent: Decimal,
    currency: str | None,
    fx: FxTable,
    day: date,
) -> ReconcileSummary:
    """Sum up in one currency: the one asked for, else the only one there is.

    Raises:
        InvalidInput: several currencies, and no rate that turns one into the reporting currency.
    """
    unit = currency or _only_currency(found.control_totals)
    due = _total(found.control_totals, "expected", unit, fx, day)
    paid = _total(found.control_totals, "actual", unit, fx, day)
    moved = (abs(_convert(d.amount, d.currency, unit, fx, day)) for d in found.differences)
    gross = sum(moved, Decimal(0))
    allowance = abs(due) * tolerance_percent / 100
    return ReconcileSummary(
        currency=unit,
        total_expected=due,
        total_actual=paid,
        variance=paid - due,
        variance_percent=round((paid - due) / abs(due) * 100, 4) if due else None,
        within_tolerance=abs(paid - due) <= allowance and gross <= allowance,
        matches=len(found.matches),
        discrepancies=len(found.differences),
    )


def _only_currency(totals: Iterable[ControlTotal]) -> str:
    expected = sorted({total.currency for total in totals if total.side == "expected"})
    if len(expected) > 1:
        raise InvalidInput(
            f"the expected side mixes currencies ({', '.join(expected)})",
            hint="name a reporting_currency and give fx_rates, or reconcile one currency at a time",
        )
    return expected[0]


def _total(
    totals: Iterable[ControlTotal], side: SideName, currency: str, fx: FxTable, day: date
) -> Decimal:
    amounts = (_convert(t.input, t.currency, currency, fx, day) for t in totals if t.side == side)
    return sum(amounts, Decimal(0))


def _convert(amount: Decimal, base: str, quote: str, fx: FxTable, day: date) -> Decimal:
    if base == quote:
        return amount
    rate = fx.find(base, quote, day)
    if rate is None:
        raise InvalidInput(
            f"mixed currencies: no {base}/{quote} rate for {day} or the week before",
            hint="add the rate to fx_rates",
        )
    return round_to_minor(amount * rate.rate, quote)


def list_discrepancies(
    found: Reconciliation,
    expected: Sequence[Record],
    actual: Sequence[Record],
    *,
    with_records: bool,
) -> tuple[Discrepancy, ...]:
    """All differences, each with the records it is about when `with_records`."""
    left = _wanted(expected, (d.expected_ids for d in found.differences)) if with_records else {}
    right = _wanted(actual, (d.actual_ids for d in found.differences)) if with_records else {}
    return tuple(_discrepancy(d, left, right) for d in found.differences)


def _wanted(records: Sequence[Record], ids: Iterable[tuple[str, ...]]) -> dict[str, Record]:
    wanted = {name for group in ids for name in group}
    return {str(r["id"]).strip(): r for r in records if str(r["id"]).strip() in wanted}


def _discrepancy(
    difference: Difference, left: Mapping[str, Record], right: Mapping[str, Record]
) -> Discrepancy:
    return Discrepancy(
        kind=difference.kind,
        expected_ids=difference.expected_ids,
        actual_ids=difference.actual_ids,
        amount=difference.amount,
        currency=difference.currency,
        explanation=difference.explanation,
        confidence=difference.confidence,
        next_step=difference.next_step,
        expected_records=tuple(_plain(left[i]) for i in difference.expected_ids if i in left),
        actual_records=tuple(_plain(right[j]) for j in difference.actual_ids if j in right),
    )


def _plain(record: Record) -> dict[str, Any]:
    return {key: _jsonable(value) for key, value in record.items() if value not in (None, "")}


def _jsonable(value: object) -> object:
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def list_resolved(found: Reconciliation) -> tuple[AutoResolved, ...]:
    """The deviations within the tolerance."""
    return tuple(
        AutoResolved(
            expected_ids=t.expected_ids,
            actual_ids=t.actual_ids,
            amount=t.amount,
            currency=t.currency,
            reason=t.reason,
        )
        for t in found.tolerated
    )


def list_totals(found: Reconciliation) -> tuple[SideTotal, ...]:
    """The control totals."""
    return tuple(
        SideTotal(
            side=t.side,
            currency=t.currency,
            input=t.input,
            matched=t.matched,
            unmatched=t.unmatched,
            out_of_period=t.out_of_period,
            records=t.records,
            matched_records=t.matched_records,
        )
        for t in found.control_totals
    )


def as_discrepancy(item: AutoResolved) -> Discrepancy:
    """A small deviation that nobody asked to be resolved stays in the list."""
    return Discrepancy(
        kind="amount",
        expected_ids=item.expected_ids,
        actual_ids=item.actual_ids,
        amount=item.amount,
        currency=item.currency,
        explanation=item.reason,
        confidence=1.0,
        next_step="Set auto_resolve_minor to accept deviations within the tolerance.",
    )
