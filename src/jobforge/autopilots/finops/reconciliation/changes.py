"""What late data changed: an earlier report's differences against today's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jobforge.autopilots.finops.reconciliation.model import Difference, Match, Reconciliation
from jobforge.core.errors import SourceMalformed
from jobforge.core.model import Model

Key = tuple[str, tuple[str, ...], tuple[str, ...]]


class ResolvedDifference(Model):
    """A difference of the earlier report that is no more, and why."""

    kind: str
    expected_ids: tuple[str, ...]
    actual_ids: tuple[str, ...]
    explanation: str


class Changes(Model):
    """How the differences moved since the earlier report."""

    resolved: tuple[ResolvedDifference, ...]
    new: int
    unchanged: int


def compare_reports(before: Sequence[Mapping[str, Any]], now: Reconciliation) -> Changes:
    """Compare the differences of an earlier report, or the report itself, with today's.

    Raises:
        SourceMalformed: an entry without kind and ids.
    """
    earlier = [_key(row, at) for at, row in enumerate(_differences(before))]
    today = {(d.kind, d.expected_ids, d.actual_ids): d for d in now.differences}
    gone = [key for key in earlier if key not in today]
    wanted = {name for _, left, right in gone for name in (*left, *right)}
    matches = _matches_of(now.matches, wanted)
    others = _differences_of(now.differences, wanted)
    known = set(earlier)
    return Changes(
        resolved=tuple(
            ResolvedDifference(
                kind=kind,
                expected_ids=left,
                actual_ids=right,
                explanation=_explain((*left, *right), matches, others),
            )
            for kind, left, right in gone
        ),
        new=sum(key not in known for key in today),
        unchanged=sum(key in known for key in today),
    )


def _differences(rows: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    if len(rows) == 1 and isinstance(rows[0].get("discrepancies"), list):
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
