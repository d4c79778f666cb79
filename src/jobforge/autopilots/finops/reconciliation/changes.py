"""What late data changed: an earlier report's differences against today's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from jobforge.autopilots.finops.money import parse_amount
from jobforge.autopilots.finops.reconciliation.model import Difference, Match, Reconciliation
from jobforge.core.errors import SourceMalformed
from jobforge.core.model import Model

Key = tuple[str, tuple[str, ...], tuple[str, ...]]


class ChangedDifference(Model):
    """A difference that is no more, or was none before, and why."""

    kind: str
    expected_ids: tuple[str, ...]
    actual_ids: tuple[str, ...]
    explanation: str


class MovedTotal(Model):
    """What came in on one side in one currency, before and now; only where it moved."""

    side: str
    currency: str
    records_before: int
    records: int
    input_before: Decimal
    input: Decimal


class Changes(Model):
    """How the differences moved since the earlier report, and the input with them."""

    resolved: tuple[ChangedDifference, ...]
    appeared: tuple[ChangedDifference, ...] = ()
    new: int
    unchanged: int
    totals: tuple[MovedTotal, ...] = ()


def compare_reports(before: Sequence[Mapping[str, Any]], now: Reconciliation) -> Changes:
    """Compare the differences of an earlier report, or the report itself, with today's.

    Raises:
        SourceMalformed: an entry without kind and ids.
    """
    earlier = [_key(row, at) for at, row in enumerate(_differences(before))]
    today = {(d.kind, d.expected_ids, d.actual_ids): d for d in now.differences}
    gone = [key for key in earlier if key not in today]
    known = set(earlier)
    fresh = [key for key in today if key not in known]
    return Changes(
        resolved=_resolved(gone, now),
        appeared=_appeared(fresh, earlier),
        new=len(fresh),
        unchanged=len(today) - len(fresh),
        totals=_moved_totals(before, now),
    )


def _resolved(gone: Sequence[Key], now: Reconciliation) -> tuple[ChangedDifference, ...]:
    wanted = {name for _, left, right in gone for name in (*left, *right)}
    matches = _matches_of(now.matches, wanted)
    others = _differences_of(now.differences, wanted)
    return tuple(
        ChangedDifference(
            kind=kind,
            expected_ids=left,
            actual_ids=right,
            explanation=_explain((*left, *right), matches, others),
        )
        for kind, left, right in gone
    )


def _appeared(fresh: Sequence[Key], earlier: Sequence[Key]) -> tuple[ChangedDifference, ...]:
    before = {name: kind for kind, left, right in earlier for name in (*left, *right)}
    return tuple(
        ChangedDifference(
            kind=kind,
            expected_ids=left,
            actual_ids=right,
            explanation=_explain_new((*left, *right), before),
        )
        for kind, left, right in fresh
    )


def _explain_new(names: Sequence[str], before: Mapping[str, str]) -> str:
    known = next((name for name in names if name in before), None)
    if known is not None:
        return f"{known} was a difference of kind {before[known]} before."
    return f"{', '.join(names)} agreed or was not there in the earlier report."


def _moved_totals(
    before: Sequence[Mapping[str, Any]], now: Reconciliation
) -> tuple[MovedTotal, ...]:
    """Compare control totals; nothing where the earlier report is a bare list of differences."""
    report = before[0] if len(before) == 1 else {}
    listed = report.get("control_totals")
    if not isinstance(listed, list | tuple):
        return ()
    old = {(str(t["side"]), str(t["currency"])): t for t in listed}
    new = {(str(t.side), t.currency): t for t in now.control_totals}
    totals = []
    for side, currency in sorted({*old, *new}):
        was, is_now = old.get((side, currency), {}), new.get((side, currency))
        moved = MovedTotal(
            side=side,
            currency=currency,
            records_before=int(was.get("records", 0)),
            records=is_now.records if is_now else 0,
            input_before=parse_amount(was.get("input", 0), where="earlier report: input"),
            input=is_now.input if is_now else Decimal(0),
        )
        if (moved.records_before, moved.input_before) != (moved.records, moved.input):
            totals.append(moved)
    return tuple(totals)


def _differences(rows: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    if len(rows) == 1 and isinstance(rows[0].get("discrepancies"), list | tuple):
        return list(rows[0]["discrepancies"])
    return rows


def _key(row: Mapping[str, Any], at: int) -> Key:
    if not row.get("kind") or "expected_ids" not in row:
        raise SourceMalformed(f"entry {at} of the earlier report has no kind and expected_ids")
    left, right = (tuple(map(str, row.get(side) or ())) for side in ("expected_ids", "actual_ids"))
    return str(row["kind"]), left, right


def _matches_of(matches: Iterable[Match], wanted: set[str]) -> dict[str, Match]:
    if not wanted:
        return {}
    return {
        name: match
        for match in matches
        for name in (*match.expected_ids, *match.actual_ids)
        if name in wanted
    }


def _differences_of(differences: Iterable[Difference], wanted: set[str]) -> dict[str, Difference]:
    return {
        name: difference
        for difference in differences
        for name in (*difference.expected_ids, *difference.actual_ids)
        if name in wanted
    }


def _explain(
    names: Sequence[str], matches: Mapping[str, Match], others: Mapping[str, Difference]
) -> str:
    for name in names:
        if name in others:
            return f"{name} is now a difference of kind {others[name].kind}."
        if name in matches:
            match = matches[name]
            left, right = ", ".join(match.expected_ids), ", ".join(match.actual_ids)
            return f"{left} and {right} match now."
    return "The records are no longer in the data of the period."
