"""Past incidents that look like the present one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, utils

from jobforge.autopilots.ops.rows import Row, required_text, text_of

MIN_LIKENESS = 50.0
MAX_SHOWN = 3
SERVICE_BONUS = 20.0
"""Of 100: the same service says as much as a fifth of the words."""


@dataclass(frozen=True, slots=True)
class SimilarIncident:
    """A past incident; `likeness` is from 0 to 100."""

    incident_id: str
    service: str
    title: str
    cause: str
    resolution: str
    likeness: float


def similar_incidents(
    rows: Sequence[Row], symptom: str, services: Iterable[str]
) -> list[SimilarIncident]:
    """At most three, most alike first; by the words of the symptom and by the services.

    Raises:
        SourceMalformed: a row has no id.
    """
    wanted = set(services)
    found = [_judge(row, number, symptom, wanted) for number, row in enumerate(rows)]
    alike = [incident for incident in found if incident.likeness >= MIN_LIKENESS]
    return sorted(alike, key=lambda item: (-item.likeness, item.incident_id))[:MAX_SHOWN]


def _judge(row: Row, number: int, symptom: str, services: set[str]) -> SimilarIncident:
    title = text_of(row, "title", "symptom", "summary", "description")
    service = text_of(row, "service", "resource")
    words = fuzz.token_set_ratio(symptom, title, processor=utils.default_process)
    bonus = SERVICE_BONUS if service in services else 0.0
    return SimilarIncident(
        incident_id=required_text(row, number, "incidents", "incident_id", "id"),
        service=service,
        title=title[:300],
        cause=text_of(row, "root_cause", "cause")[:500],
        resolution=text_of(row, "resolution", "fix")[:500],
        likeness=round(min(100.0, words * (1 - SERVICE_BONUS / 100) + bonus), 1),
    )
