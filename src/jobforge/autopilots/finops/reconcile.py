"""`autopilot.finops.reconcile`: two ledgers matched, each difference classed, nothing lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, timedelta
from decimal import Decimal
from typing import Any, Literal

from pydantic import AwareDatetime, Field, model_validator

from jobforge.autopilots.finops.billing.documents import read_document
from jobforge.autopilots.finops.billing.events import read_events
from jobforge.autopilots.finops.billing.expectation import split_events
from jobforge.autopilots.finops.money import FxRate, FxTable
from jobforge.autopilots.finops.reconciliation.changes import Changes, compare_reports
from jobforge.autopilots.finops.reconciliation.model import Reconciliation, Record, Tolerance
from jobforge.autopilots.finops.reconciliation.report import (
    AutoResolved,
    Discrepancy,
    ReconciledPeriod,
    ReconcileSummary,
    SideTotal,
    list_discrepancies,
    list_resolved,
    list_totals,
    summarise,
)
from jobforge.autopilots.finops.record_columns import to_records
from jobforge.autopilots.finops.report_pages import Bars, Page, Table, store_pages
from jobforge.contract.manifest import ArtifactOutput
from jobforge.core.context import JobContext, Row
from jobforge.core.data_source import DataSource, FileSource, InlineRows, NamedDataset
from jobforge.core.errors import PayloadInvalid, SourceMalformed
from jobforge.core.job_type import JobType
from jobforge.core.model import Model

SourceName = Literal["stripe", "usage_metrics", "external_invoice"]
LISTED = 500
MODULE_ONLY = ("operation", "output", "finops_hooks", "max_retries", "timeout_seconds")
"""So many differences stand in the result; the report artifact has them all."""


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
    expected_columns: dict[str, str] = Field(
        default_factory=dict, description="Our column name to theirs."
    )
    actual_columns: dict[str, str] = Field(default_factory=dict)

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


class ReconcileResult(Model):
    """What agrees, what does not, and the totals that prove nothing was lost."""

    period: ReconciledPeriod
    sources_reconciled: tuple[str, ...]
    summary: ReconcileSummary
    discrepancies: tuple[Discrepancy, ...]
    auto_resolved: tuple[AutoResolved, ...]
    control_totals: tuple[SideTotal, ...]
    by_kind: dict[str, int]
    changes: Changes | None = None
    notes: tuple[str, ...] = ()
    outputs: tuple[ArtifactOutput, ...] = ()


def reconcile(
    expected: Sequence[Record],
    actual: Sequence[Record],
    *,
    tolerance: Tolerance | Mapping[str, Any] | Decimal | int | float | str = Decimal(0),
    fx_rates: Iterable[FxRate | Mapping[str, Any]] = (),
    period: tuple[date, date] | None = None,
) -> Reconciliation:
    """Match two ledgers and class every difference.

    Records are mappings with `id, date, amount, currency, customer, reference, type, tax, fee,
    description, period`; the first four are required. Passes: exact, by reference, by likeness,
    by sums. Money is exact; a float counts as its shortest decimal text. The order of the records
    does not matter beyond ties, which go to the earlier date, then the smaller id.

    Args:
        expected: what should be there: invoices, subscriptions, an order book.
        actual: what is there: payments, a bank statement, an export.
        tolerance: a `Tolerance`, its fields as a mapping, or an absolute amount in major units.
        fx_rates: `base, quote, date, rate`: one base costs `rate` quote on that day.
        period: first and last day; unmatched records outside are left out of the totals.

    Raises:
        InvalidInput: an empty side, a repeated id, or a value that is no date, currency or finite
            amount below 10^15; the message names side and record.
    """
    from jobforge.autopilots.finops.reconciliation.engine import run_passes

    return run_passes(
        expected, actual, tolerance=Tolerance.of(tolerance), fx_rates=fx_rates, period=period
    )


async def handle(payload: ReconcilePayload, context: JobContext) -> ReconcileResult:
    """Read both sides, reconcile them, store the full report."""
    sides = await _read_sides(payload, context)
    rates = await context.data.rows(payload.fx_rates) if payload.fx_rates else []
    await context.progress(0.3, f"{len(sides.expected)} expected, {len(sides.actual)} actual")
    period = (
        payload.period_start.astimezone(UTC).date(),
        payload.period_end.astimezone(UTC).date(),
    )
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
        period=period,
    )
    _refuse_empty_period(found)
    await context.progress(0.8, f"{len(found.differences)} differences")
    result = _to_result(payload, sides, found, FxTable(rates))
    if payload.previous is not None:
        before = await read_document(payload.previous, context)
        result = result.model_copy(update={"changes": compare_reports(before, found)})
    return await _store(result, context)


class _Sides(Model):
    """Both sides as records, where they came from, and what was left out."""

    expected: list[Row]
    actual: list[Row]
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


async def _read_sides(payload: ReconcilePayload, context: JobContext) -> _Sides:
    if payload.events_source is not None:
        rows = await context.data.rows(payload.events_source)
        return _from_events(rows, payload, context)
    expected_source, actual_sources = payload.sides()
    expected = await context.data.rows(expected_source)
    actual: list[Row] = []
    for source in actual_sources:
        rows = await context.data.rows(source)
        actual += to_records(rows, side=source_name(source), columns=payload.actual_columns)
    return _Sides(
        expected=to_records(expected, side="expected", columns=payload.expected_columns),
        actual=actual,
        names=tuple(source_name(source) for source in actual_sources),
    )


def source_name(source: DataSource) -> str:
    """How a report names a source."""
    match source:
        case NamedDataset():
            return source.name
        case FileSource():
            return source.path
        case InlineRows():
            return "inline"


def _from_events(rows: list[Row], payload: ReconcilePayload, context: JobContext) -> _Sides:
    stream = read_events(rows, tenant_names=(context.job.tenant_slug, str(context.job.tenant_id)))
    ledgers = split_events(
        stream.events,
        period_start=payload.period_start.astimezone(UTC),
        period_end=payload.period_end.astimezone(UTC),
    )
    if not ledgers.expected:
        raise SourceMalformed("no subscription or invoice in these events is due in the period")
    if not ledgers.actual:
        raise SourceMalformed("these events hold no payment")
    failed = sum(ledgers.failures.values())
    notes = (*stream.notes, *((f"{failed} payment attempts failed.",) if failed else ()))
    return _Sides(
        expected=ledgers.expected,
        actual=ledgers.actual,
        names=("subscriptions and invoices", "payments"),
        notes=notes,
    )


def _refuse_empty_period(found: Reconciliation) -> None:
    for side in ("expected", "actual"):
        if not any(t.records for t in found.control_totals if t.side == side):
            raise SourceMalformed(f"no {side} record lies in the period: nothing to reconcile")


def _to_result(
    payload: ReconcilePayload, sides: _Sides, found: Reconciliation, fx: FxTable
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
        listed, resolved = (*listed, *(_as_discrepancy(item) for item in resolved)), ()
    return ReconcileResult(
        period=ReconciledPeriod(start=payload.period_start, end=payload.period_end),
        sources_reconciled=sides.names,
        summary=summarise(
            found,
            tolerance_percent=options.tolerance_percent,
            currency=payload.reporting_currency,
            fx=fx,
            day=payload.period_end.astimezone(UTC).date(),
        ),
        discrepancies=listed,
        auto_resolved=resolved,
        control_totals=list_totals(found),
        by_kind=dict(sorted(Counter(item.kind for item in listed).items())),
        notes=sides.notes,
    )


def _as_discrepancy(item: AutoResolved) -> Discrepancy:
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


async def _store(result: ReconcileResult, context: JobContext) -> ReconcileResult:
    report = await context.artifacts.put(
        f"finops-reconcile-{context.job.job_id}.json",
        result.model_dump_json(indent=2, exclude={"outputs"}).encode(),
        kind="reconciliation_report",
        mime_type="application/json",
    )
    table = Table(
        "Differences",
        ("kind", "expected", "actual", "amount", "currency", "explanation", "next step"),
        [
            (
                item.kind,
                " ".join(item.expected_ids),
                " ".join(item.actual_ids),
                item.amount,
                item.currency,
                item.explanation,
                item.next_step,
            )
            for item in result.discrepancies
        ],
    )
    pages = await store_pages(
        context, "finops-reconcile", "reconciliation", _page(result, table), table
    )
    return result.model_copy(
        update={"discrepancies": result.discrepancies[:LISTED], "outputs": (report, *pages)}
    )


def _page(result: ReconcileResult, table: Table) -> Page:
    summary = result.summary
    facts = [
        ("Period", f"{result.period.start:%Y-%m-%d} to {result.period.end:%Y-%m-%d}"),
        ("Expected", f"{summary.currency} {summary.total_expected}"),
        ("Actual", f"{summary.currency} {summary.total_actual}"),
        ("Variance", f"{summary.currency} {summary.variance}"),
        ("Within tolerance", "yes" if summary.within_tolerance else "no"),
        *(("Note", note) for note in result.notes),
    ]
    totals = Table(
        "Control totals",
        ("side", "currency", "input", "matched", "unmatched", "out of period"),
        [
            (t.side, t.currency, t.input, t.matched, t.unmatched, t.out_of_period)
            for t in result.control_totals
        ],
    )
    kinds = Bars("Differences by kind", [(k, float(n)) for k, n in result.by_kind.items()])
    return Page("Reconciliation", facts, [kinds, totals, table])


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
    examples=(
        {
            "period_start": "2026-01-01T00:00:00Z",
            "period_end": "2026-01-31T23:59:59Z",
            "expected": [
                {
                    "id": "INV-1",
                    "date": "2026-01-05",
                    "amount": "120.00",
                    "currency": "EUR",
                    "customer": "acme",
                    "reference": "INV-1",
                },
                {
                    "id": "INV-2",
                    "date": "2026-01-08",
                    "amount": "80.00",
                    "currency": "EUR",
                    "customer": "globex",
                    "reference": "INV-2",
                },
            ],
            "actual": [
                {
                    "id": "pay-9",
                    "date": "2026-01-06",
                    "amount": "116.22",
                    "fee": "3.78",
                    "currency": "EUR",
                    "customer": "acme",
                    "reference": "INV-1",
                }
            ],
        },
    ),
    result_examples=(
        {
            "period": {"start": "2026-01-01T00:00:00Z", "end": "2026-01-31T23:59:59Z"},
            "sources_reconciled": ["inline"],
            "summary": {
                "currency": "EUR",
                "total_expected": "200.00",
                "total_actual": "116.22",
                "variance": "-83.78",
                "variance_percent": "-41.8900",
                "within_tolerance": False,
                "matches": 1,
                "discrepancies": 2,
            },
            "discrepancies": [
                {
                    "kind": "fee",
                    "expected_ids": ["INV-1"],
                    "actual_ids": ["pay-9"],
                    "amount": "-3.78",
                    "currency": "EUR",
                    "explanation": (
                        "The deviation of EUR -3.78 is the fee of 3.78 that the actual side states."
                    ),
                    "confidence": 0.818,
                    "next_step": "Book the processing fee to its own account.",
                    "expected_records": [],
                    "actual_records": [],
                },
                {
                    "kind": "missing",
                    "expected_ids": ["INV-2"],
                    "actual_ids": [],
                    "amount": "-80.00",
                    "currency": "EUR",
                    "explanation": "No actual record for INV-2, EUR 80.00.",
                    "confidence": 0.667,
                    "next_step": (
                        "Look for the counterpart elsewhere; collect or book it if there is none."
                    ),
                    "expected_records": [],
                    "actual_records": [],
                },
            ],
            "auto_resolved": [],
            "control_totals": [
                {
                    "side": "expected",
                    "currency": "EUR",
                    "input": "200.00",
                    "matched": "120.00",
                    "unmatched": "80.00",
                    "out_of_period": "0.00",
                    "records": 2,
                    "matched_records": 1,
                },
                {
                    "side": "actual",
                    "currency": "EUR",
                    "input": "116.22",
                    "matched": "116.22",
                    "unmatched": "0.00",
                    "out_of_period": "0.00",
                    "records": 1,
                    "matched_records": 1,
                },
            ],
            "by_kind": {"fee": 1, "missing": 1},
            "changes": None,
            "notes": [],
            "outputs": [],
        },
    ),
)
