"""Times to detect, to acknowledge and to restore, from real time stamps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import mean, median

from jobforge.autopilots.ops.rows import Row, required_text, required_time, text_of, time_of
from jobforge.core.errors import SourceMalformed


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident; instants that nobody noted are None."""

    incident_id: str
    service: str
    severity: str
    started_at: datetime
    detected_at: datetime | None
    acknowledged_at: datetime | None
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class Durations:
    """A measure over incidents that have both its instants; None where none has."""

    count: int
    mean: timedelta | None
    median: timedelta | None
    longest: timedelta | None


def incidents_of(rows: Sequence[Row]) -> tuple[Incident, ...]:
    """Incidents by start.

    Raises:
        SourceMalformed: a row lacks id, service or start, or ends before it starts.
    """
    found = []
    for number, row in enumerate(rows):
        incident = Incident(
            incident_id=required_text(row, number, "incidents", "incident_id", "id"),
            service=required_text(row, number, "incidents", "service"),
            severity=text_of(row, "severity", "priority", default="unknown").lower(),
            started_at=required_time(row, number, "incidents", "started_at", "start"),
            detected_at=time_of(row, number, "incidents", "detected_at"),
            acknowledged_at=time_of(row, number, "incidents", "acknowledged_at"),
            resolved_at=time_of(row, number, "incidents", "resolved_at", "ended_at", "end"),
        )
        if incident.resolved_at is not None and incident.resolved_at < incident.started_at:
            raise SourceMalformed(f"incidents row {number}: resolved before it started")
        found.append(incident)
    return tuple(sorted(found, key=lambda item: (item.started_at, item.incident_id)))


def time_to_detect(incident: Incident) -> timedelta | None:
    """From start to detection."""
    return None if incident.detected_at is None else incident.detected_at - incident.started_at


def time_to_acknowledge(incident: Incident) -> timedelta | None:
    """From detection, or start, to acknowledgement."""
    if incident.acknowledged_at is None:
        return None
    return incident.acknowledged_at - (incident.detected_at or incident.started_at)


def time_to_restore(incident: Incident) -> timedelta | None:
    """From start to resolution; an open incident has none."""
    return None if incident.resolved_at is None else incident.resolved_at - incident.started_at


def durations(
    incidents: Sequence[Incident], measure: Callable[[Incident], timedelta | None]
) -> Durations:
    """Mean, median and longest of a measure; negative ones are left out as notes gone wrong."""
    found = [
        value.total_seconds()
        for incident in incidents
        if (value := measure(incident)) is not None and value >= timedelta()
    ]
    if not found:
        return Durations(0, None, None, None)
    return Durations(
        count=len(found),
        mean=timedelta(seconds=mean(found)),
        median=timedelta(seconds=median(found)),
        longest=timedelta(seconds=max(found)),
    )


def time_between_failures(
    incidents: Sequence[Incident], begin: datetime, end: datetime
) -> timedelta | None:
    """The period's length without its incidents, per incident; None without incidents."""
    if not incidents:
        return None
    down = sum(
        (min(i.resolved_at or end, end) - max(i.started_at, begin)).total_seconds()
        for i in incidents
    )
    return timedelta(seconds=max(0.0, (end - begin).total_seconds() - down) / len(incidents))
