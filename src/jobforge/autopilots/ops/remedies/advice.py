"""Recommendations from findings and from a diagnosis, with the changes that are ready."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jobforge.autopilots.ops.finding import fingerprint_of
from jobforge.autopilots.ops.remedies.ready import ready_changes
from jobforge.autopilots.ops.rows import Row, number_of, required_text, text_of
from jobforge.autopilots.ops.sizing.advice import EFFORT_WEIGHT, Advice, Band, Category

SEVERITY_WEIGHT = {"critical": 100.0, "high": 40.0, "medium": 10.0, "low": 2.0, "info": 0.5}
DIAGNOSIS_VALUE = 20.0
"""What settling a certain cause is worth, beside findings by severity and savings in money."""


def advise_findings(
    rows: Sequence[Row], category: Category, files: Mapping[str, bytes]
) -> list[Advice]:
    """One recommendation per check of the category that failed, over all its resources.

    The category `optimization` takes every check. Ready changes of files are tried on `files`.
    """
    failed: dict[str, list[Row]] = {}
    for number, row in enumerate(rows):
        if text_of(row, "status", default="FAILED") == "FAILED":
            failed.setdefault(required_text(row, number, "findings", "check_id"), []).append(row)
    found = []
    for check_id, members in sorted(failed.items()):
        kind = text_of(members[0], "category", default="security")
        if category in {_category_of(kind), "optimization"}:
            found.append(
                _finding_advice(
                    check_id, members, _category_of(kind), ready_changes(members, files)
                )
            )
    return found


def _category_of(kind: str) -> Category:
    known: dict[str, Category] = {"health": "reliability", "cost": "cost", "security": "security"}
    return known.get(kind, "optimization")


def _finding_advice(
    check_id: str, members: list[Row], category: Category, changes: tuple[dict[str, Any], ...]
) -> Advice:
    severities = [text_of(row, "severity", default="medium") for row in members]
    weight = sum(SEVERITY_WEIGHT.get(severity, 1.0) for severity in severities)
    effort = _effort(len(members) - len(changes))
    worst = max(severities, key=lambda severity: SEVERITY_WEIGHT.get(severity, 1.0))
    return Advice(
        recommendation_id="rec-" + fingerprint_of("check", check_id),
        category=category,
        title=text_of(members[0], "remediation", default=f"Meet check {check_id}"),
        description=(
            f"{text_of(members[0], 'title', default=check_id)}: not so in {len(members)} places, "
            f"{worst} at worst."
        ),
        evidence=tuple(
            f"{text_of(row, 'path')} {text_of(row, 'resource')}: {text_of(row, 'evidence')}"
            for row in members[:10]
        ),
        risk=_risk(changes),
        effort=effort,
        confidence=1.0,
        saving=None,
        saving_interval=None,
        score=round(weight / EFFORT_WEIGHT[effort], 4),
        changes=changes,
    )


def _effort(by_hand: int) -> Band:
    """A glance, an afternoon, a project: by the places that no ready change mends."""
    return "low" if by_hand <= 3 else "medium" if by_hand <= 20 else "high"  # noqa: PLR2004 (see above)


def _risk(changes: tuple[dict[str, Any], ...]) -> Band:
    """A stricter setting may stop what relied on the laxer one; a vacuum stops nothing."""
    harmless = all(change.get("operation", {}).get("kind") == "vacuum" for change in changes)
    return "low" if harmless else "medium"


def suspicion_of(rows: Sequence[Row]) -> dict[str, float]:
    """Confidence by suspected service, from a diagnosis' hypotheses: rows, or one that holds them.

    Raises:
        SourceMalformed: a hypothesis has no service, or a confidence that is no number.
    """
    found: dict[str, float] = {}
    for number, row in enumerate(_hypotheses(rows)):
        service = required_text(row, number, "diagnosis", "service")
        confidence = number_of(row, number, "diagnosis", "confidence") or 0.0
        found[service] = max(found.get(service, 0.0), min(1.0, confidence))
    return found


def _hypotheses(rows: Sequence[Row]) -> list[Row]:
    found: list[Row] = []
    for row in rows:
        inner = row.get("hypotheses")
        found += inner if isinstance(inner, list) else [row]
    return found


def advise_diagnosis(rows: Sequence[Row]) -> list[Advice]:
    """One recommendation for each hypothesis: what settles it."""
    return [
        _diagnosis_advice(row, text_of(row, "service"), confidence)
        for row in _hypotheses(rows)
        if (confidence := suspicion_of([row])[text_of(row, "service")]) > 0
    ]


def _diagnosis_advice(row: Row, service: str, confidence: float) -> Advice:
    settled = text_of(row, "settled_by", default=f"looking at {service} around the onset")
    evidence = row.get("evidence_for") or ()
    lines = evidence if isinstance(evidence, list | tuple) else (evidence,)
    return Advice(
        recommendation_id="rec-" + fingerprint_of("diagnosis", service),
        category="reliability",
        title=f"Settle whether {service} is the cause",
        description=f"A diagnosis suspects it ({confidence:.0%}); settle it by {settled}.",
        evidence=tuple(map(str, lines))[:10],
        risk="low",
        effort="medium",
        confidence=round(confidence, 3),
        saving=None,
        saving_interval=None,
        score=round(DIAGNOSIS_VALUE * confidence / EFFORT_WEIGHT["medium"], 4),
        changes=(),
        resource=service,
    )
