"""Both sides of a reconciliation, read from whatever source the payload names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from jobforge.autopilots.finops.billing.events import read_events
from jobforge.autopilots.finops.billing.expectation import split_events
from jobforge.autopilots.finops.ledgers.cloud_bill import read_bill_file
from jobforge.autopilots.finops.ledgers.columns import to_records
from jobforge.autopilots.finops.ledgers.movements import SourceRecords
from jobforge.core.context import JobContext, Row
from jobforge.core.data_source import DataSource, FileSource, InlineRows, NamedDataset
from jobforge.core.errors import DatasetMissing, SourceMalformed


@dataclass(frozen=True, slots=True)
class Sides:
    """Both sides as records, where they came from, and what was left out by which rule."""

    expected: list[Row]
    actual: list[Row]
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


def source_name(source: DataSource) -> str:
    """How a report names a source."""
    match source:
        case NamedDataset():
            return source.name
        case FileSource():
            return source.path
        case InlineRows():
            return "inline"


async def read_events_as_sides(
    source: DataSource, context: JobContext, *, start: datetime, end: datetime
) -> Sides:
    """One stream of billing events against itself: what was due, and what was paid.

    Raises:
        SourceMalformed: nothing is due in the period, or nothing was paid at all.
    """
    rows = await context.data.rows(source)
    stream = read_events(rows, tenant_names=(context.job.tenant_slug, str(context.job.tenant_id)))
    ledgers = split_events(stream.events, period_start=start, period_end=end)
    if not ledgers.expected:
        raise SourceMalformed("no subscription or invoice in these events is due in the period")
    if not ledgers.actual:
        raise SourceMalformed("these events hold no payment")
    failed = sum(ledgers.failures.values())
    notes = (*stream.notes, *((f"{failed} payment attempts failed.",) if failed else ()))
    names = ("subscriptions and invoices", "payments")
    return Sides(ledgers.expected, ledgers.actual, names, notes)


async def read_sources_as_sides(
    expected: DataSource,
    actual: Sequence[DataSource],
    context: JobContext,
    *,
    columns: tuple[Mapping[str, str], Mapping[str, str]],
) -> Sides:
    """The expected source against the actual ones together; `columns` are ours to theirs."""
    left = await _read(expected, context, side="expected", columns=columns[0])
    right = [
        await _read(source, context, side=source_name(source), columns=columns[1])
        for source in actual
    ]
    return Sides(
        expected=left.rows,
        actual=[row for records in right for row in records.rows],
        names=tuple(source_name(source) for source in actual),
        notes=(*left.notes, *(note for records in right for note in records.notes)),
    )


async def _read(
    source: DataSource, context: JobContext, *, side: str, columns: Mapping[str, str]
) -> SourceRecords:
    rows = await _bill(source, context) or await context.data.rows(source)
    return to_records(rows, side=side, columns=columns)


async def _bill(source: DataSource, context: JobContext) -> list[Row] | None:
    """The source as a cloud bill, summed as a file whatever its size; None if it is none."""
    if isinstance(source, InlineRows):
        return None
    try:
        file = await context.data.file(source)
    except DatasetMissing:
        return None  # reading its rows says what is missing
    return read_bill_file(file)
