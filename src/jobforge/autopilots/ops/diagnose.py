"""`autopilot.ops.diagnose`: competing hypotheses, from metrics, changes and logs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import Field

from jobforge.autopilots.ops.module_payload import without_metadata
from jobforge.autopilots.ops.rca.changes import Change, changes_of, suspicious_changes
from jobforge.autopilots.ops.rca.diagnosis import Diagnosis, Hypothesis, diagnose_metrics
from jobforge.autopilots.ops.rca.logs import LogLine, LogPattern, unusual_patterns
from jobforge.autopilots.ops.rca.series_rows import series_of
from jobforge.autopilots.ops.rca.similar import similar_incidents
from jobforge.autopilots.ops.reports import store_json
from jobforge.autopilots.ops.rows import Row, edges_of, required_time, text_of
from jobforge.core.context import JobContext
from jobforge.core.data_source import DataSource
from jobforge.core.errors import DatasetMissing
from jobforge.core.job_type import JobType
from jobforge.core.model import Model

MIN_CONFIDENCE = 0.2
"""Below this a leading hypothesis is told as a suspicion, not as the cause."""


class DiagnoseOptions(Model):
    """How far to look around the onset, and whether to advise."""

    correlation_window_minutes: int = Field(default=60, ge=1, le=1440)
    include_recommendations: bool = True


class DiagnoseTarget(Model):
    """The objective that was violated."""

    service: str
    metric: str
    statistic: str | None = None


class DiagnosePayload(Model):
    """What is seen, where, and the data to judge it by; at least one kind of data is needed."""

    symptom: str = Field(min_length=1, max_length=4000)
    affected_resources: tuple[str, ...] = Field(min_length=1, max_length=1000)
    context_events: tuple[dict[str, Any], ...] = Field(
        default=(), max_length=1000, description="Changes: at, service, kind, description."
    )
    options: DiagnoseOptions = DiagnoseOptions()
    incident_start: datetime | None = Field(
        default=None, description="Without it: the first departure of the last tenth of the data."
    )
    target: DiagnoseTarget | None = None
    metrics: DataSource | None = Field(
        default=None, description="Rows: timestamp, service, metric, value, statistic."
    )
    topology: DataSource | None = Field(default=None, description="Rows: caller, callee.")
    changes: DataSource | None = Field(default=None, description="Rows like context_events.")
    logs: DataSource | None = Field(default=None, description="Rows: timestamp, service, message.")
    incidents: DataSource | None = Field(
        default=None, description="Past ones. Rows: incident_id, service, title, cause, resolution."
    )


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


class DiagnoseResult(Model):
    """The diagnosis; `abstained` with a reason where the evidence is thin."""

    symptom: str
    root_cause_analysis: str
    confidence: float
    affected_resources: tuple[str, ...]
    contributing_factors: tuple[str, ...]
    timeline: tuple[TimelineEntry, ...]
    abstained: bool
    hypotheses: tuple[HypothesisOut, ...]
    blast_radius: tuple[str, ...]
    log_patterns: tuple[LogPatternOut, ...]
    similar_incidents: tuple[SimilarIncidentOut, ...]
    recommendations: tuple[str, ...]
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything the payload's sources gave."""

    metrics: Sequence[Row]
    calls: tuple[tuple[str, str], ...]
    changes: tuple[Change, ...]
    logs: tuple[LogLine, ...]
    incidents: Sequence[Row] = ()


async def _rows(source: DataSource | None, context: JobContext) -> list[Row]:
    return [] if source is None else list(await context.data.rows(source))


async def handle(payload: DiagnosePayload, context: JobContext) -> DiagnoseResult:
    """Read what the payload names and weigh it.

    Raises:
        DatasetMissing: a named source does not exist, or there is nothing to judge by.
        SourceMalformed: a row lacks what it should have.
    """
    metrics = await _rows(payload.metrics, context)
    events = [*payload.context_events, *await _rows(payload.changes, context)]
    lines = await _rows(payload.logs, context)
    if not metrics and not lines and not events:
        raise DatasetMissing(
            "neither metrics nor logs nor changes are given to judge the symptom by",
            hint='jobforge data add metrics PATH, then "metrics": "metrics"',
        )
    await context.progress(0.3, f"read {len(metrics):,} samples, {len(lines):,} log lines")
    evidence = Evidence(
        metrics=metrics,
        calls=edges_of(await _rows(payload.topology, context)),
        changes=changes_of(events),
        logs=_lines_of(lines),
        incidents=await _rows(payload.incidents, context),
    )
    result = diagnose(payload, evidence)
    await store_json(context, "ops-diagnose", "diagnosis_report", result)
    return result


def _lines_of(rows: Sequence[Row]) -> tuple[LogLine, ...]:
    return tuple(
        LogLine(
            at=required_time(row, number, "logs", "timestamp", "at", "time"),
            service=text_of(row, "service", "source", default="unknown"),
            text=text_of(row, "message", "text", "line"),
        )
        for number, row in enumerate(rows)
    )


def diagnose(payload: DiagnosePayload, evidence: Evidence) -> DiagnoseResult:
    """Weigh metrics, changes and logs against each other.

    A change of a suspected service shortly before the onset speaks for it, as does a log template
    of its own that is new; a leading service without either has that said against it.
    """
    metric_view = _diagnose_series(payload, evidence)
    start = _start(payload, metric_view, evidence)
    window = timedelta(minutes=payload.options.correlation_window_minutes)
    changes = suspicious_changes(evidence.changes, start, window) if start else ()
    end = max((line.at for line in evidence.logs), default=start) if start else None
    patterns = (
        unusual_patterns(evidence.logs, start, end + timedelta(seconds=1)) if start and end else []
    )
    hypotheses = _hypotheses(metric_view, changes, patterns)
    leader = hypotheses[0] if hypotheses else None
    return DiagnoseResult(
        symptom=payload.symptom,
        root_cause_analysis=_analysis(leader, metric_view),
        confidence=leader.confidence if leader else 0.0,
        affected_resources=payload.affected_resources,
        contributing_factors=_factors(changes, patterns),
        timeline=_timeline(start, metric_view, changes, patterns),
        abstained=leader is None,
        hypotheses=tuple(hypotheses),
        blast_radius=_blast_radius(leader, evidence.calls),
        log_patterns=tuple(_to_pattern(pattern) for pattern in patterns[:20]),
        similar_incidents=_similar(payload, evidence, leader),
        recommendations=_advice(leader, changes) if payload.options.include_recommendations else (),
        notices=_notices(metric_view, evidence, start),
    )


def _diagnose_series(payload: DiagnosePayload, evidence: Evidence) -> Diagnosis | None:
    if not evidence.metrics:
        return None
    target = payload.target.model_dump() if payload.target else None
    start = payload.incident_start.timestamp() if payload.incident_start else None
    return diagnose_metrics(
        series_of(evidence.metrics), target=target, topology=evidence.calls, incident_start=start
    )


def _start(payload: DiagnosePayload, view: Diagnosis | None, evidence: Evidence) -> datetime | None:
    if payload.incident_start is not None:
        return payload.incident_start
    onsets = [m.onset for m in view.ranked_metrics[:5] if m.onset is not None] if view else []
    if onsets and view is not None and not view.abstained:
        return datetime.fromtimestamp(min(onsets), tz=UTC)
    if evidence.logs:
        instants = sorted(line.at for line in evidence.logs)
        return instants[0] + (instants[-1] - instants[0]) * 0.9
    return max((change.at for change in evidence.changes), default=None)


def _hypotheses(
    view: Diagnosis | None, changes: tuple[Change, ...], patterns: Sequence[LogPattern]
) -> list[HypothesisOut]:
    from_metrics = list(view.hypotheses) if view is not None else []
    changed = {change.service: change for change in changes}
    noisy = {pattern.service: pattern for pattern in reversed(patterns)}
    known = {hypothesis.service for hypothesis in from_metrics}
    others = [s for s in dict.fromkeys([*changed, *noisy]) if s not in known and s != "unknown"]
    found = [_enrich(hypothesis, changed, noisy) for hypothesis in from_metrics]
    if view is None or not view.abstained:
        found += [_from_events(service, changed, noisy) for service in others]
    return sorted(found, key=lambda item: (-item.confidence, item.service))[:5]


def _enrich(
    hypothesis: Hypothesis, changed: dict[str, Change], noisy: dict[str, LogPattern]
) -> HypothesisOut:
    for_it, against = list(hypothesis.evidence_for), list(hypothesis.evidence_against)
    change, pattern = changed.get(hypothesis.service), noisy.get(hypothesis.service)
    doubt = 1.0 - hypothesis.confidence
    if change is not None:
        for_it.append(f"changed at {change.at.isoformat()}: {change.description}")
        doubt *= 0.6
    elif changed:
        against.append("it was not changed before the onset, others were")
    if pattern is not None:
        for_it.append(f"its log shows {pattern.kind} lines: {pattern.template[:120]}")
        doubt *= 0.8
    return HypothesisOut(
        service=hypothesis.service,
        confidence=round(1.0 - doubt, 3),
        evidence_for=tuple(for_it),
        evidence_against=tuple(against),
        settled_by=hypothesis.settled_by,
    )


def _from_events(
    service: str, changed: dict[str, Change], noisy: dict[str, LogPattern]
) -> HypothesisOut:
    change, pattern = changed.get(service), noisy.get(service)
    for_it: list[str] = []
    if change is not None:
        for_it.append(f"changed at {change.at.isoformat()}: {change.description}")
    if pattern is not None:
        for_it.append(f"its log shows {pattern.kind} lines: {pattern.template[:120]}")
    # Change alone or log alone coincides often; both together seldom.
    rivals = len(set(changed) | set(noisy))
    both = change is not None and pattern is not None
    return HypothesisOut(
        service=service,
        confidence=round((0.5 if both else 0.25) / rivals**0.5, 3),
        evidence_for=tuple(for_it),
        evidence_against=("no metric of it speaks for this",),
        settled_by=f"metrics of {service} around the onset",
    )


def _analysis(leader: HypothesisOut | None, view: Diagnosis | None) -> str:
    if leader is None:
        reason = view.reason if view is not None else "no change and no log line stands out"
        return f"No cause is named: {reason}."
    lead = "Probably" if leader.confidence >= MIN_CONFIDENCE else "Possibly"
    return f"{lead} {leader.service}: {'; '.join(leader.evidence_for)}."


def _factors(changes: tuple[Change, ...], patterns: Sequence[LogPattern]) -> tuple[str, ...]:
    factors = [
        f"{change.kind} of {change.service} at {change.at.isoformat()}" for change in changes
    ]
    factors += [
        f"{pattern.kind} log lines of {pattern.service}: {pattern.during} instead of "
        f"{pattern.expected:g}"
        for pattern in patterns[:5]
    ]
    return tuple(factors)


def _timeline(
    start: datetime | None, view: Diagnosis | None, changes: tuple[Change, ...],
    patterns: Sequence[LogPattern],
) -> tuple[TimelineEntry, ...]:  # fmt: skip
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


def _blast_radius(
    leader: HypothesisOut | None, calls: tuple[tuple[str, str], ...]
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


def _similar(
    payload: DiagnosePayload, evidence: Evidence, leader: HypothesisOut | None
) -> tuple[SimilarIncidentOut, ...]:
    services = {*payload.affected_resources, *([leader.service] if leader else [])}
    found = similar_incidents(evidence.incidents, payload.symptom, services)
    return tuple(SimilarIncidentOut(**asdict(incident)) for incident in found)


def _advice(leader: HypothesisOut | None, changes: tuple[Change, ...]) -> tuple[str, ...]:
    if leader is None:
        return ("collect metrics of the affected services and their callees around the onset",)
    advice = [f"settle it by {leader.settled_by}"]
    own = [change for change in changes if change.service == leader.service]
    if own:
        advice.insert(0, f"undo {own[-1].description or own[-1].kind} of {leader.service}")
    return tuple(advice)


def _notices(view: Diagnosis | None, evidence: Evidence, start: datetime | None) -> tuple[str, ...]:
    notices = []
    if view is None:
        notices.append("no metrics were given: the hypotheses rest on changes and logs")
    elif view.abstained:
        notices.append(f"metrics: {view.reason}")
    if view is not None and not evidence.calls:
        notices.append("no topology was given: callers and callees were not told apart")
    if start is None:
        notices.append("no onset could be found")
    return tuple(notices)


def _to_pattern(pattern: LogPattern) -> LogPatternOut:
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


def _sources(payload: DiagnosePayload) -> tuple[DataSource, ...]:
    named = (
        payload.metrics,
        payload.topology,
        payload.changes,
        payload.logs,
        payload.incidents,
    )
    return tuple(source for source in named if source is not None)


DIAGNOSE = JobType(
    name="autopilot.ops.diagnose",
    title="Diagnose an incident",
    domain="ops",
    payload=DiagnosePayload,
    result=DiagnoseResult,
    scopes=frozenset({"ops:read"}),
    timeout=timedelta(minutes=5),
    handle=handle,
    translate=without_metadata,
    sources=_sources,
    examples=(
        {
            "symptom": "checkout answers slowly",
            "affected_resources": ["checkout"],
            "metrics": "metrics",
            "topology": "topology",
            "incident_start": "2026-01-15T12:00:00Z",
            "target": {"service": "web", "metric": "latency"},
        },
    ),
)
