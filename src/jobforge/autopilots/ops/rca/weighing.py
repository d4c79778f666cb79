"""Competing hypotheses, from what metrics, changes, logs and traces say for and against each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from jobforge.autopilots.ops.rca.changes import Change
from jobforge.autopilots.ops.rca.diagnosis import Diagnosis, Hypothesis
from jobforge.autopilots.ops.rca.logs import LogPattern
from jobforge.autopilots.ops.rca.traces import TraceShift

MAX_HYPOTHESES = 5
UNKNOWN = "unknown"

# How much doubt each kind of further evidence leaves of a hypothesis.
_AFTER_CHANGE = 0.6
_AFTER_LOG = 0.8
_AFTER_TRACES = 0.5


@dataclass(frozen=True, slots=True)
class Clues:
    """What speaks of services beside their metrics, each by service."""

    changes: dict[str, Change]
    patterns: dict[str, LogPattern]
    shifts: dict[str, TraceShift]

    @classmethod
    def of(
        cls,
        changes: Iterable[Change],
        patterns: Sequence[LogPattern],
        shifts: Sequence[TraceShift],
    ) -> Clues:
        """The latest change, the clearest pattern and the clearest shift of each service."""
        return cls(
            {change.service: change for change in changes},
            {pattern.service: pattern for pattern in reversed(patterns)},
            {shift.service: shift for shift in reversed(shifts)},
        )

    @property
    def services(self) -> list[str]:
        """Every service that a clue speaks of, traces first."""
        named = dict.fromkeys([*self.shifts, *self.changes, *self.patterns])
        return [service for service in named if service != UNKNOWN]

    def for_service(self, service: str) -> tuple[list[str], float]:
        """What speaks for a service, and how much doubt it leaves."""
        told, doubt = [], 1.0
        if (shift := self.shifts.get(service)) is not None:
            told.append(shift.words)
            doubt *= _AFTER_TRACES
        if (change := self.changes.get(service)) is not None:
            told.append(f"changed at {change.at.isoformat()}: {change.description}")
            doubt *= _AFTER_CHANGE
        if (pattern := self.patterns.get(service)) is not None:
            told.append(f"its log shows {pattern.kind} lines: {pattern.template[:120]}")
            doubt *= _AFTER_LOG
        return told, doubt


def weigh(view: Diagnosis | None, clues: Clues) -> list[Hypothesis]:
    """At most five hypotheses, the best first.

    Where the metrics show nothing unusual, changes and logs alone make no hypothesis; traces do,
    since they are tested against the past themselves.
    """
    from_metrics = list(view.hypotheses) if view is not None else []
    known = {hypothesis.service for hypothesis in from_metrics}
    is_quiet = view is not None and view.abstained
    others = [
        service
        for service in clues.services
        if service not in known and (not is_quiet or service in clues.shifts)
    ]
    found = [_enrich(hypothesis, clues) for hypothesis in from_metrics]
    found += [_from_clues(service, clues) for service in others]
    return sorted(found, key=lambda item: (-item.confidence, item.service))[:MAX_HYPOTHESES]


def _enrich(hypothesis: Hypothesis, clues: Clues) -> Hypothesis:
    told, doubt = clues.for_service(hypothesis.service)
    against = list(hypothesis.evidence_against)
    if clues.changes and hypothesis.service not in clues.changes:
        against.append("it was not changed before the onset, others were")
    if clues.shifts and hypothesis.service not in clues.shifts:
        against.append("in the traces it takes no longer of its own, others do")
    return replace(
        hypothesis,
        confidence=round(1.0 - (1.0 - hypothesis.confidence) * doubt, 3),
        evidence_for=(*hypothesis.evidence_for, *told),
        evidence_against=tuple(against),
    )


def _from_clues(service: str, clues: Clues) -> Hypothesis:
    told, _ = clues.for_service(service)
    rivals = len(clues.services)
    # A change or a log alone coincides often; both together, or a shift of its own time, seldom.
    is_strong = service in clues.shifts or len(told) > 1
    return Hypothesis(
        service=service,
        confidence=round((0.5 if is_strong else 0.25) / rivals**0.5, 3),
        evidence_for=tuple(told),
        evidence_against=("no metric of it speaks for this",),
        settled_by=f"metrics of {service} around the onset",
    )
