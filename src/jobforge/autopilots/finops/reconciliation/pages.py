"""A reconciliation's report as a page: facts, charts and tables."""

from __future__ import annotations

from jobforge.autopilots.finops.reconciliation.report import ReconcileResult
from jobforge.autopilots.finops.report_pages import Bars, Page, Table, store_pages
from jobforge.contract.manifest import ArtifactOutput
from jobforge.core.context import JobContext


async def store_report(result: ReconcileResult, context: JobContext) -> list[ArtifactOutput]:
    """Store the whole result as JSON, Markdown, HTML and CSV."""
    report = await context.artifacts.put(
        f"finops-reconcile-{context.job.job_id}.json",
        result.model_dump_json(indent=2, exclude={"outputs"}).encode(),
        kind="reconciliation_report",
        mime_type="application/json",
    )
    pages = await store_pages(context, "finops-reconcile", "reconciliation", _page(result))
    return [report, *pages]


def _page(result: ReconcileResult) -> Page:
    summary = result.summary
    facts = [
        ("Period", f"{result.period.start:%Y-%m-%d} to {result.period.end:%Y-%m-%d}"),
        ("Time zone", result.time_zone),
        ("Expected", f"{summary.currency} {summary.total_expected}"),
        ("Actual", f"{summary.currency} {summary.total_actual}"),
        ("Variance", f"{summary.currency} {summary.variance}"),
        ("Within tolerance", "yes" if summary.within_tolerance else "no"),
        *(("Note", note) for note in result.notes),
    ]
    kinds = Bars("Differences by kind", [(k, float(n)) for k, n in result.by_kind.items()])
    tables = [_differences(result), _totals(result), *_resolved(result), *_changes(result)]
    return Page("Reconciliation", facts, [kinds, *tables])


def _differences(result: ReconcileResult) -> Table:
    columns = (
        "kind",
        "expected",
        "actual",
        "amount",
        "currency",
        "explanation",
        "confidence",
        "next step",
    )
    rows = [
        (
            item.kind,
            " ".join(item.expected_ids),
            " ".join(item.actual_ids),
            item.amount,
            item.currency,
            item.explanation,
            f"{item.confidence:.3f}",
            item.next_step,
        )
        for item in result.discrepancies
    ]
    return Table("Differences", columns, rows)


def _totals(result: ReconcileResult) -> Table:
    return Table(
        "Control totals",
        ("side", "currency", "input", "matched", "unmatched", "out of period"),
        [
            (t.side, t.currency, t.input, t.matched, t.unmatched, t.out_of_period)
            for t in result.control_totals
        ],
    )


def _resolved(result: ReconcileResult) -> list[Table]:
    rows = [
        (
            " ".join(item.expected_ids),
            " ".join(item.actual_ids),
            item.amount,
            item.currency,
            item.reason,
        )
        for item in result.auto_resolved
    ]
    columns = ("expected", "actual", "amount", "currency", "reason")
    return [Table("Resolved", columns, rows)] if rows else []


def _changes(result: ReconcileResult) -> list[Table]:
    if result.changes is None:
        return []
    changes = result.changes
    listed = [("resolved", item) for item in changes.resolved]
    listed += [("appeared", item) for item in changes.appeared]
    rows = [
        (what, item.kind, " ".join(item.expected_ids), " ".join(item.actual_ids), item.explanation)
        for what, item in listed
    ]
    moved = [
        (t.side, t.currency, t.records_before, t.records, t.input_before, t.input)
        for t in changes.totals
    ]
    return [
        Table("Changed since", ("what", "kind", "expected", "actual", "explanation"), rows),
        Table(
            "Totals since",
            ("side", "currency", "records before", "records now", "input before", "input now"),
            moved,
        ),
    ]
