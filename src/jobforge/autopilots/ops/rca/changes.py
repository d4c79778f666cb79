"""Changes around an onset: deployments, configurations, anything that somebody did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from jobforge.autopilots.ops.rows import Row, required_time, text_of


@dataclass(frozen=True, slots=True)
class Change:
    """One change."""

    at: datetime
    service: str
    kind: str
    description: str


def changes_of(rows: Sequence[Row]) -> tuple[Change, ...]:
    """Changes by time.

    Raises:
        SourceMalformed: a row has no time.
    """
    found = [
        Change(
            at=required_time(row, number, "changes", "at", "timestamp", "time", "occurred_at"),
            service=text_of(row, "service", "resource", "target", default="unknown"),
            kind=text_of(row, "kind", "type", "event_type", default="change"),
            description=text_of(row, "description", "summary", "message", "title")[:500],
        )
        for number, row in enumerate(rows)
    ]
    return tuple(sorted(found, key=lambda change: (change.at, change.service)))


def suspicious_changes(
    changes: Sequence[Change], start: datetime, window: timedelta
) -> tuple[Change, ...]:
    """Changes in the window before the onset; one after it cannot be its cause."""
    return tuple(change for change in changes if start - window <= change.at <= start)
