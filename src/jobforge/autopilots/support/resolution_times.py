"""How long tickets of a kind took to be closed, from the tenant's own closed tickets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from jobforge.core.errors import SourceMalformed

OPENED_COLUMNS = ("created_at", "opened_at", "created")
CLOSED_COLUMNS = ("closed_at", "resolved_at", "solved_at", "closed")
CATEGORY_COLUMNS = ("category", "label", "intent", "topic")
MIN_TICKETS = 5
"""Fewer closed tickets than this say nothing about the next one."""


def estimate_resolution(
    rows: Sequence[Mapping[str, Any]], category: str | None
) -> timedelta | None:
    """Return the median time to close tickets of this category, else of all; None where too few.

    Rows without a closing time are open and don't count.

    Raises:
        SourceMalformed: no row has opening and closing columns, or a time cannot be read.
    """
    if rows and not any(_pick(row, OPENED_COLUMNS) and _has(row, CLOSED_COLUMNS) for row in rows):
        raise SourceMalformed("the closed tickets have no columns created_at and closed_at")
    durations = [
        (_pick(row, CATEGORY_COLUMNS), _to_instant(closed) - _to_instant(opened))
        for row in rows
        if (opened := _pick(row, OPENED_COLUMNS)) and (closed := _pick(row, CLOSED_COLUMNS))
    ]
    valid = [(kind, taken) for kind, taken in durations if taken >= timedelta(0)]
    same = [taken for kind, taken in valid if kind == category]
    chosen = same if len(same) >= MIN_TICKETS else [taken for _, taken in valid]
    if len(chosen) < MIN_TICKETS:
        return None
    return timedelta(seconds=round(median(taken.total_seconds() for taken in chosen)))


def _has(row: Mapping[str, Any], names: Sequence[str]) -> bool:
    return any(name in row for name in names)


def _pick(row: Mapping[str, Any], names: Sequence[str]) -> str:
    return next((str(row[name]) for name in names if row.get(name) not in (None, "")), "")


def _to_instant(value: str) -> datetime:
    """Read ISO 8601 or Unix seconds; a time without a zone is taken as UTC."""
    try:
        if value.replace(".", "", 1).isdigit():
            return datetime.fromtimestamp(float(value), UTC)
        instant = datetime.fromisoformat(value)
    except (ValueError, OverflowError):
        raise SourceMalformed("a closed ticket has a time that cannot be read") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
