"""`autopilot.finops.reconcile`: two ledgers matched, each difference classed, nothing lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Literal

from pydantic import AwareDatetime, Field, field_validator, model_validator

from jobforge.autopilots.finops.billing.documents import read_document
from jobforge.autopilots.finops.money import FxRate, FxTable, is_zone, read_zone
from jobforge.autopilots.finops.reconciliation.changes import compare_reports
from jobforge.autopilots.finops.reconciliation.examples import PAYLOAD, RESULT
from jobforge.autopilots.finops.reconciliation.model import Reconciliation, Record, Tolerance
from jobforge.autopilots.finops.reconciliation.pages import store_report
from jobforge.autopilots.finops.reconciliation.report import (
    ReconciledPeriod,
    ReconcileResult,
    as_discrepancy,
    list_discrepancies,
    list_resolved,
    list_totals,
    summarise,
)
from jobforge.autopilots.finops.reconciliation.sides import (
    Sides,
    read_events_as_sides,
    read_sources_as_sides,
)
from jobforge.core.context import JobContext
from jobforge.core.data_source import DataSource, NamedDataset
from jobforge.core.errors import PayloadInvalid, SourceMalformed
from jobforge.core.job_type import JobType
from jobforge.core.model import Model

SourceName = Literal["stripe", "usage_metrics", "external_invoice"]
LISTED = 500
"""So many differences stand in the result; the report artifact has them all."""
MODULE_ONLY = ("operation", "output", "finops_hooks", "max_retries", "timeout_seconds")
"""What the module sends for its own queue; limits of a run are the catalogue's."""


class ReconcileOptions(Model):
    """How strict to be, and how much to show."""

    tolerance_percent: Decimal = Field(default=Decimal("0.01"), ge=0, le=5)
    tolerance_absolute: Decimal = Field(
        default=Decimal(0), ge=0, description="In major units; the larger tolerance counts."
    )
    date_tolerance_days: int = Field(default=5, ge=0, le=92)
    include_detailed_line_items: bool = True
    auto_resolve_minor: bool = False


class ReconcilePayload(Model):
    """The period, both ends included, and where the two sides come from.

    Either `events_source`, one stream of billing events reconciled against itself, or `expected`
    and `actual`. Without any, the dataset `invoices` is expected and each of `sources` is a
    dataset of its name.
    """

    period_start: AwareDatetime
    period_end: AwareDatetime
    sources: tuple[SourceName, ...] = ("stripe",)
    options: ReconcileOptions = ReconcileOptions()
    expected: DataSource | None = None
    actual: DataSource | None = None
    events_source: DataSource | None = None
    fx_rates: DataSource | None = Field(
        default=None, description="Rows with base, quote, date and rate."
    )
    previous: DataSource | None = Field(
        default=None, description="An earlier report of this job, to say what has changed since."
    )
    reporting_currency: str | None = Field(default=None, pattern="^[A-Z]{3}$")
    time_zone: str = Field(
        default="UTC", description="IANA name; a day is one there, and so is a time without zone."
    )
    expected_columns: dict[str, str] = Field(
        default_factory=dict, description="Our column name to theirs."
    )
    actual_columns: dict[str, str] = Field(default_factory=dict)

    @field_validator("time_zone")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if not is_zone(name):
            raise ValueError(f"there is no time zone {name!r}; an IANA name is Europe/Berlin")
        return name

    @model_validator(mode="after")
    def _is_one_question(self) -> ReconcilePayload:
        if self.period_end < self.period_start:
            raise ValueError("period_end lies before period_start")
        if self.events_source is not None and (self.expected or self.actual):
            raise ValueError("give either events_source, or expected and actual")
        if (self.expected is None) != (self.actual is None):
            raise ValueError("give both expected and actual")
        return self

    def sides(self) -> tuple[DataSource, tuple[DataSource, ...]]:
        """The expected source and the actual ones, when no stream is given."""
        if self.expected is not None and self.actual is not None:
            return self.expected, (self.actual,)
        return NamedDataset(name="invoices"), tuple(NamedDataset(name=s) for s in self.sources)


def reconcile(
    expected: Sequence[Record],
    actual: Sequence[Record],
    *,
    tolerance: Tolerance | Mapping[str, Any] | Decimal | int | float | str = Decimal(0),
    fx_rates: Iterable[FxRate | Mapping[str, Any]] = (),
    period: tuple[date, date] | None = None,
    time_zone: tzinfo = UTC,
) -> Reconciliation:
    """Match two ledgers and class every difference.

    Records are mappings with `id, date, amount, currency, customer, reference, type, tax, fee,
    description, period`; the first four are required. Passes: exact, by reference, by likeness
    (at last by amount and day alone), by sums. Money is exact; a float counts as its shortest
    decimal text. The order of the records does not matter beyond ties, which go to the earlier
    date, then the smaller id.

    Args:
        expected: what should be there: invoices, subscriptions, an order book.
        actual: what is there: payments, a bank statement, an export.
        tolerance: a `Tolerance`, its fields as a mapping, or an absolute amount in major units.
        fx_rates: `base, quote, date, rate`: one base costs `rate` quote on that day.
        period: first and last day; unmatched records outside are left out of the totals.
        time_zone: whose days count; an instant belongs to the day it has there.

    Raises:
        InvalidInput: an empty side, a repeated id, or a value that is no date, currency or finite
            amount below 10^15; the message names side and record.
    """
    from jobforge.autopilots.finops.reconciliation.engine import run_passes

    return run_passes(
        expected,
        actual,
        tolerance=Tolerance.of(tolerance),
        fx_rates=fx_rates,
        period=period,
        zone=time_zone,
    )


async def handle(payload: ReconcilePayload, context: JobContext) -> ReconcileResult:
    """Read both sides, reconcile them, store the full report."""
    sides = await _read_sides(payload, context)
    rates = await context.data.rows(payload.fx_rates) if payload.fx_rates else []
    await context.progress(0.3, f"{len(sides.expected)} expected, {len(sides.actual)} actual")
    options = payload.options
    found = reconcile(
        sides.expected,
        sides.actual,
        tolerance=Tolerance(
            absolute=options.tolerance_absolute,
            relative=options.tolerance_percent / 100,
            days=options.date_tolerance_days,
        ),
        fx_rates=rates,
        period=_days(payload),
        time_zone=read_zone(payload.time_zone),
    )
    _refuse_empty_period(found)
    await context.progress(0.8, f"{len(found.differences)} differences")
    result = _to_result(payload, sides, found, FxTable(rates))
    if payload.previous is not None:
        before = await read_document(payload.previous, context)
        result = result.model_copy(update={"changes": compare_reports(before, found)})
    outputs = tuple(await store_report(result, context))
    return result.model_copy(
        update={"discrepancies": result.discrepancies[:LISTED], "outputs": outputs}
    )


def _days(payload: ReconcilePayload) -> tuple[date, date]:
    zone = read_zone(payload.time_zone)
    return (
        payload.period_start.astimezone(zone).date(),
        payload.period_end.astimezone(zone).date(),
    )


async def _read_sides(payload: ReconcilePayload, context: JobContext) -> Sides:
    if payload.events_source is not None:
        return await read_events_as_sides(
            payload.events_source,
            context,
            start=payload.period_start.astimezone(UTC),
            end=payload.period_end.astimezone(UTC),
        )
    expected, actual = payload.sides()
    columns = (payload.expected_columns, payload.actual_columns)
    return await read_sources_as_sides(expected, actual, context, columns=columns)


def _refuse_empty_period(found: Reconciliation) -> None:
    for side in ("expected", "actual"):
        if not any(t.records for t in found.control_totals if t.side == side):
            raise SourceMalformed(f"no {side} record lies in the period: nothing to reconcile")


def _to_result(
    payload: ReconcilePayload, sides: Sides, found: Reconciliation, fx: FxTable
) -> ReconcileResult:
    options = payload.options
    listed = list_discrepancies(
        found,
        sides.expected,
        sides.actual,
        with_records=options.include_detailed_line_items,
    )
    resolved = list_resolved(found)
    if not options.auto_resolve_minor:
        listed, resolved = (*listed, *(as_discrepancy(item) for item in resolved)), ()
    return ReconcileResult(
        period=ReconciledPeriod(start=payload.period_start, end=payload.period_end),
        time_zone=payload.time_zone,
        sources_reconciled=sides.names,
        summary=summarise(
            found,
            tolerance_percent=options.tolerance_percent,
            currency=payload.reporting_currency,
            fx=fx,
            day=_days(payload)[1],
        ),
        discrepancies=listed,
        auto_resolved=resolved,
        control_totals=list_totals(found),
        by_kind=dict(sorted(Counter(item.kind for item in listed).items())),
        notes=(*sides.notes, *found.notes),
    )


def translate(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """The finops module's payload as ours; ours comes back untouched.

    The module's `output` paths are dropped: reports are stored as artifacts.
    """
    if "operation" not in payload:
        return payload
    kept = {key: value for key, value in payload.items() if key not in MODULE_ONLY}
    if payload["operation"] != "reconcile":
        raise PayloadInvalid("this is not a reconcile payload", pointer="/operation")
    return kept


def _sources(payload: ReconcilePayload) -> tuple[DataSource, ...]:
    besides = tuple(s for s in (payload.fx_rates, payload.previous) if s is not None)
    if payload.events_source is not None:
        return payload.events_source, *besides
    expected, actual = payload.sides()
    return expected, *actual, *besides


RECONCILE = JobType(
    name="autopilot.finops.reconcile",
    title="Reconcile what was expected with what was paid",
    domain="finops",
    payload=ReconcilePayload,
    result=ReconcileResult,
    scopes=frozenset({"finops:read"}),
    timeout=timedelta(seconds=300),
    handle=handle,
    translate=translate,
    sources=_sources,
    examples=(PAYLOAD,),
    result_examples=(RESULT,),
)
