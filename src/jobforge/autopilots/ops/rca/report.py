"""The parts of a diagnosis as they are told: hypotheses, timeline, who is affected, advice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from jobforge.autopilots.ops.rca.changes import Change
from jobforge.autopilots.ops.rca.diagnosis import Diagnosis, Hypothesis
from jobforge.autopilots.ops.rca.logs import LogPattern
from jobforge.autopilots.ops.rca.traces import TraceShift
from jobforge.core.model import Model

MIN_CONFIDENCE = 0.2
"""Below this a leading hypothesis is told as a suspicion, not as the cause."""


class HypothesisOut(Model):
    """One possible cause."""

    service: str
    confidence: float
    evidence_for: tuple[str, ...]
    evidence_against: tuple[str, ...]
    settled_by: str


class TimelineEntry(Model):
    """Something that happened around the onset."""

    at: datetime
    kind: str
    service: str
    description: str


class LogPatternOut(Model):
    """A log template that is new or bursts."""

    template: str
    kind: str
    service: str
    before: int
    during: int
    expected: float
    first_at: datetime
    sample: str


class SimilarIncidentOut(Model):
    """A past incident that looks like this one; `likeness` is from 0 to 100."""

    incident_id: str
    service: str
    title: str
    cause: str
    resolution: str
    likeness: float


class TraceShiftOut(Model):
    """A service that takes longer of its own, or in which errors begin more often."""

    service: str
    own_ms_before: float
    own_ms_during: float
    errors_before: float
    errors_during: float
    spans: int


def analysis_of(leader: Hypothesis | None, view: Diagnosis | None) -> str:
    """The probable cause in one sentence, or why none is named."""
    if leader is None:
        reason = view.reason if view is not None else "no change and no log line stands out"
        return f"No cause is named: {reason}."
    lead = "Probably" if leader.confidence >= MIN_CONFIDENCE else "Possibly"
    return f"{lead} {leader.service}: {'; '.join(leader.evidence_for)}."


def factors_of(changes: tuple[Change, ...], patterns: Sequence[LogPattern]) -> tuple[str, ...]:
    """What happened around the onset."""
    factors = [
        f"{change.kind} of {change.service} at {change.at.isoformat()}" for change in changes
    ]
    factors += [
        f"{pattern.kind} log lines of {pattern.service}: {pattern.during} instead of "
        f"{pattern.expected:g}"
        for pattern in patterns[:5]
    ]
    return tuple(factors)


def timeline_of(
    start: datetime | None, view: Diagnosis | None, changes: tuple[Change, ...],
    patterns: Sequence[LogPattern],
) -> tuple[TimelineEntry, ...]:  # fmt: skip
    """Changes, the onset, log lines and departing metrics, by time."""
    entries = [
        TimelineEntry(at=c.at, kind=c.kind, service=c.service, description=c.description)
        for c in changes
    ]
    if start is not None:
        entries.append(
            TimelineEntry(at=start, kind="onset", service="", description="the incident starts")
        )
    entries += [
        TimelineEntry(
            at=pattern.first_at, kind=f"log_{pattern.kind}", service=pattern.service,
            description=pattern.template[:200],
        )
        for pattern in patterns[:10]
    ]  # fmt: skip
    for metric in (view.ranked_metrics if view and not view.abstained else [])[:10]:
        if metric.onset is not None:
            text = f"{metric.metric} departs: {metric.before:.4g} to {metric.now:.4g}"
            at = datetime.fromtimestamp(metric.onset, tz=UTC)
            entries.append(
                TimelineEntry(at=at, kind="metric", service=metric.service, description=text)
            )
    return tuple(sorted(entries, key=lambda entry: (entry.at, entry.kind, entry.service)))


def blast_radius_of(
    leader: Hypothesis | None, calls: tuple[tuple[str, str], ...]
) -> tuple[str, ...]:
    """The services whose calls lead to the leading one."""
    if leader is None:
        return ()
    reached = {leader.service}
    while True:
        callers = {caller for caller, callee in calls if callee in reached} - reached
        if not callers:
            return tuple(sorted(reached - {leader.service}))
        reached |= callers


def advice_of(leader: Hypothesis | None, changes: tuple[Change, ...]) -> tuple[str, ...]:
    """What to do next."""
    if leader is None:
        return ("collect metrics of the affected services and their callees around the onset",)
    advice = [f"settle it by {leader.settled_by}"]
    own = [change for change in changes if change.service == leader.service]
    if own:
        advice.insert(0, f"undo {own[-1].description or own[-1].kind} of {leader.service}")
    return tuple(advice)


def to_pattern(pattern: LogPattern) -> LogPatternOut:
    """A log pattern as it is told."""
    return LogPatternOut(
        template=pattern.template,
        kind=pattern.kind,
        service=pattern.service,
        before=pattern.before,
        during=pattern.during,
        expected=pattern.expected,
        first_at=pattern.first_at,
        sample=pattern.sample,
    )


def to_shift(shift: TraceShift) -> TraceShiftOut:
    """A shift as it is told, times in milliseconds."""
    return TraceShiftOut(
        service=shift.service,
        own_ms_before=round(shift.own_before * 1e3, 3),
        own_ms_during=round(shift.own_during * 1e3, 3),
        errors_before=round(shift.errors_before, 4),
        errors_during=round(shift.errors_during, 4),
        spans=shift.spans,
    )


def to_hypothesis(hypothesis: Hypothesis) -> HypothesisOut:
    """A hypothesis as it is told."""
    return HypothesisOut(**asdict(hypothesis))
