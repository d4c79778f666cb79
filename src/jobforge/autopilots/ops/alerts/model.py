"""An alert, as the tenant's dataset holds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from jobforge.autopilots.ops.rows import Row, required_text, required_time, text_of, time_of


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert."""

    alert_id: str
    service: str
    severity: str
    title: str
    started_at: datetime
    resolved_at: datetime | None = None


def alerts_of(rows: Sequence[Row]) -> tuple[Alert, ...]:
    """Alerts by time, then id; a repeated id keeps its first row.

    Raises:
        SourceMalformed: a row has no id, no service or no time.
    """
    found: dict[str, Alert] = {}
    for number, row in enumerate(rows):
        alert = Alert(
            alert_id=required_text(row, number, "alerts", "alert_id", "id"),
            service=required_text(row, number, "alerts", "service", "resource", "host"),
            severity=text_of(row, "severity", "priority", default="unknown").lower(),
            title=text_of(row, "title", "summary", "name", "message", "description"),
            started_at=required_time(
                row, number, "alerts", "started_at", "timestamp", "fired_at", "created_at"
            ),
            resolved_at=time_of(row, number, "alerts", "resolved_at", "ended_at"),
        )
        found.setdefault(alert.alert_id, alert)
    return tuple(sorted(found.values(), key=lambda alert: (alert.started_at, alert.alert_id)))
